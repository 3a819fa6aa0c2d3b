"""What commands really say here and now, for the runbook: those that only look, asked in this process."""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence

import click

from rebond.cli.at_hand import find_vault
from rebond.cli.documents import held_reasons, snapshot_table
from rebond.cli.invocation import Invocation
from rebond.cli.opening import VaultAtHand
from rebond.cli.speech import tr
from rebond.errors import RebondError
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.snapshots import SnapshotFilter, list_snapshots, resolve_snapshot
from rebond.progress import Silence
from rebond.units import format_size

SHOWN_SNAPSHOTS = 5
IN_PLACE = "rebond restore latest --in-place --dry-run"
_RUN = re.compile(r"\b[0-9a-f]{16}\b")
_SECRETS = ("REBOND_KEY_FILE", "REBOND_PASSPHRASE", "REBOND_PASSPHRASE_FILE", "REBOND_PASSPHRASE_COMMAND")


def show_outputs(vault: VaultAtHand, stack: str) -> Iterator[tuple[str, str]]:
    """Yield commands that only look into an open vault, and what they say."""
    records = list_snapshots(vault.live, SnapshotFilter(newest=SHOWN_SNAPSHOTS))
    if not records:
        return
    yield f"rebond snapshots --latest {SHOWN_SNAPSHOTS}", snapshot_table(records, held_reasons(vault, records))
    if not vault.live.can_read():
        return
    with contextlib.suppress(RebondError):
        yield 'rebond restore latest --to "$TO" --dry-run', _preview_restore(vault, stack)


def _preview_restore(vault: VaultAtHand, stack: str) -> str:
    record = resolve_snapshot(list_snapshots(vault.live), "latest", stack=stack)
    target = os.path.expanduser("~/rebond-XXXXXX")
    request = RestoreRequest(target=os.fsencode(target), dry_run=True)
    outcome = restore(vault.live, record, request, Silence())
    return tr(
        "Would restore {files} files and {directories} directories, {size}, to\n{target}",
        files=outcome.files,
        directories=outcome.directories,
        size=format_size(outcome.bytes),
        target=target,
    )


def show_plan(invocation: Invocation) -> Iterator[tuple[str, str]]:
    """Yield the plan of a restore in place as it would be printed, with ``RUN`` for its id; nothing without a key.

    Nobody is asked for a passphrase a second time, and what fails is no output.
    """
    if not _has_key(invocation):
        return
    text = hear(invocation, IN_PLACE.split()[1:])
    if text:
        yield IN_PLACE, _RUN.sub("RUN", text)


def hear(invocation: Invocation, arguments: Sequence[str]) -> str:
    """Return what a command writes to standard output; empty when it does not end with 0."""
    from rebond.cli.program import program

    asked = Invocation(
        environment=invocation.environment, vault=invocation.vault, config=invocation.config, is_quiet=True
    )
    out, aside = io.StringIO(), io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(aside),
            program.make_context("rebond", list(arguments), obj=asked) as context,
        ):
            status = program.invoke(context)
    except (RebondError, click.ClickException, click.exceptions.Exit, OSError):
        return ""
    return out.getvalue() if status in {None, 0} else ""


def _has_key(invocation: Invocation) -> bool:
    return any(invocation.environment.get(name) for name in _SECRETS) or find_vault(invocation).has_key
