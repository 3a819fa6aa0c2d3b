"""What is run around a backup: hooks before and after it, some of which run whatever happens."""

import enum
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import CommandFailed, RebondError
from rebond.findings import Finding, Severity
from rebond.units import format_span

Notice = Callable[[Finding], None]
Result = TypeVar("Result")


class OnFailure(enum.StrEnum):
    """What it means when a hook fails."""

    STOP = "stop"
    WARN = "warn"
    IGNORE = "ignore"


class Hook(Struct, frozen=True, kw_only=True):
    """A command around a backup. ``run`` returns what it wrote, without secrets; it raises ``RebondError``.

    ``name`` is how it is called in messages.
    """

    name: str
    run: Callable[[], str]
    on_failure: OnFailure = OnFailure.STOP
    runs_always: bool = False


class Hooks(Struct, frozen=True, kw_only=True):
    """All hooks of a run, in their order."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()


def run_before(hooks: Sequence[Hook], clock: Clock, notice: Notice) -> None:
    """Run the hooks before a backup. Raises ``CommandFailed`` when one fails that has to stop it.

    The others are not run then, but for those that run always.
    """
    stopped: CommandFailed | None = None
    for hook in hooks:
        if stopped is not None and not hook.runs_always:
            continue
        try:
            _run(hook, clock, notice)
        except RebondError as error:
            if hook.on_failure is OnFailure.STOP and stopped is None:
                stopped = _stopped(hook, error)
            else:
                notice(_failed(hook, error))
    if stopped is not None:
        raise stopped


def run_after(hooks: Sequence[Hook], clock: Clock, notice: Notice, *, has_failed: bool) -> None:
    """Run the hooks after a backup; after one that failed only those that run always. Nothing here undoes the backup.

    When one fails that has to stop what follows, only those that run always follow.
    """
    only_always = has_failed
    for hook in hooks:
        if only_always and not hook.runs_always:
            continue
        try:
            _run(hook, clock, notice)
        except RebondError as error:
            notice(_failed(hook, error))
            only_always = only_always or hook.on_failure is OnFailure.STOP


def surround(hooks: Hooks, act: Callable[[], Result], clock: Clock, notice: Notice) -> Result:
    """Do something between the hooks. Raises what it raises, after the hooks that run always, and ``CommandFailed``."""
    try:
        run_before(hooks.before, clock, notice)
        result = act()
    except BaseException:  # an interrupt too: what a hook stopped has to be started again
        run_after(hooks.after, clock, notice, has_failed=True)
        raise
    run_after(hooks.after, clock, notice, has_failed=False)
    return result


def _run(hook: Hook, clock: Clock, notice: Notice) -> None:
    began = clock.monotonic()
    output = hook.run().strip()
    span = format_span(clock.monotonic() - began)
    if output:
        notice(
            Finding(
                code="hook-ran",
                severity=Severity.NOTE,
                subject=hook.name,
                template="The hook '{hook}' ran for {span} and wrote: {output}",
                values={"hook": hook.name, "span": span, "output": output},
            )
        )
        return
    notice(
        Finding(
            code="hook-ran",
            severity=Severity.NOTE,
            subject=hook.name,
            template="The hook '{hook}' ran for {span}.",
            values={"hook": hook.name, "span": span},
        )
    )


def _stopped(hook: Hook, error: RebondError) -> CommandFailed:
    return CommandFailed(
        "The hook '{hook}' failed, so there is no backup: {reason}",
        hint='Mend it; or write on_failure = "warn" to save all the same when it fails.',
        hook=hook.name,
        reason=error,
    )


def _failed(hook: Hook, error: RebondError) -> Finding:
    return Finding(
        code="hook-failed",
        severity=Severity.NOTE if hook.on_failure is OnFailure.IGNORE else Severity.WARNING,
        subject=hook.name,
        template="The hook '{hook}' failed: {reason}",
        hint_template="Run it by hand to see why.",
        values={"hook": hook.name, "reason": error},
    )
