"""Keeping other runs of a stack out while one goes on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import VaultLocked
from rebond.schedule.holding import RUN_LOCK, Lock, find_holder, try_lock, wait_for_lock
from rebond.schedule.stack_folders import folder_of
from rebond.units import format_moment

_TRIES = 5  # somebody may just be looking who holds the lock
_TRY_EVERY_SECONDS = 0.1


@contextlib.contextmanager
def stack_held(
    invocation: Invocation,
    *,
    waits: bool,
    lock_name: str = RUN_LOCK,
    what: str = "rebond backup",
    loaded: Loaded | None = None,
) -> Iterator[None]:
    """Keep other runs of the stack out. Raises ``VaultLocked`` when one runs already, unless it is waited for.

    With ``SECRETS_LOCK`` only those are kept out that save secrets as snapshots of their own.
    """
    loaded = loaded or require_configuration(invocation)
    clock, path = SystemClock(), folder_of(invocation.state_folder, loaded) / lock_name
    lock: Lock | None = None
    try:
        for _ in range(_TRIES):
            lock = try_lock(path, what, clock)
            if lock is not None or waits:
                break
            clock.sleep(_TRY_EVERY_SECONDS)
    except OSError as error:
        # Without a lock two runs at once cost time, and no backup at all may cost everything.
        reason = error.strerror or str(error)
        note(
            invocation,
            tr("{path} cannot be written ({reason}): other runs are not kept out.", path=path, reason=reason),
        )
        yield
        return
    if lock is None and waits:
        if lock_name == RUN_LOCK:  # secrets take a moment
            note(invocation, tr("Another run holds the stack; waiting for its end."))
        with wait_for_lock(path, what, clock):
            yield
        return
    if lock is None:
        raise _describe_holder(loaded, path)
    try:
        yield
    finally:
        lock.release()


def _describe_holder(loaded: Loaded, path: Path) -> VaultLocked:
    holder = find_holder(path)
    return VaultLocked(
        "Another run holds the stack {stack}: {what}, process {pid}, since {since}.",
        hint="Wait until it has ended, or add --wait.",
        stack=loaded.configuration.stack.name,
        what=holder.what if holder else "?",
        pid=holder.pid if holder else "?",
        since=format_moment(holder.since_ms) if holder else "?",
    )
