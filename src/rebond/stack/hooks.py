"""The hooks of a configuration as what can be run."""

import shlex
from collections.abc import Callable, Sequence

from rebond.config.model import Loaded
from rebond.config.resolving import Resolver
from rebond.config.steps import Step
from rebond.errors import CommandFailed
from rebond.logs.masking import mask, remember_variables
from rebond.operations.hooks import Hook, Hooks, OnFailure
from rebond.sources.channels.clients import Inside
from rebond.sources.channels.reading import open_channel
from rebond.sources.streams.readers import CommandReader, StreamReader, name_signal
from rebond.sources.streams.shells import wrap_script, wrap_script_inside
from rebond.stack.overhearing import overhear
from rebond.stack.surroundings import address_of, describe_surroundings

_SHOWN_LENGTH = 60  # of the command that stands for a hook in messages


def make_hooks(loaded: Loaded, class_name: str) -> Hooks:
    """Return the hooks that run around a backup of this class."""
    hooks = loaded.configuration.hooks
    if hooks is None:
        return Hooks()

    def choose(steps: Sequence[Step], moment: str) -> tuple[Hook, ...]:
        return tuple(
            make_hook(each, loaded, {"REBOND_HOOK": moment, "REBOND_CLASS": class_name})
            for each in steps
            if not each.only_for or class_name in each.only_for
        )

    return Hooks(before=choose(hooks.before, "before"), after=choose(hooks.after, "after"))


def make_hook(step: Step, loaded: Loaded, variables: dict[str, str]) -> Hook:
    """Return one step as a hook; it starts in the stack's root and gets ``variables`` besides the stack's own."""
    name = step.run if isinstance(step.run, str) else shlex.join(step.run)
    name = " ".join(name.split())
    return Hook(
        name=name if len(name) <= _SHOWN_LENGTH else f"{name[:_SHOWN_LENGTH]}…",
        run=lambda: _run(step, loaded, variables),
        on_failure=OnFailure(step.on_failure),
        runs_always=step.always,
    )


def _run(step: Step, loaded: Loaded, variables: dict[str, str]) -> str:
    """Run a step and return what it wrote, masked. Raises ``CommandFailed`` and other errors of a source."""
    remember_variables(loaded.variables)  # a hook gets them, and may print them
    resolver = Resolver(root=loaded.root, variables=loaded.variables)
    user = resolver.resolve_words(step.user) if step.user is not None else ""
    environment = {**loaded.variables, **variables}
    if step.inside is None:
        words = wrap_script(step.run, loaded.variables) if isinstance(step.run, str) else step.run
        return _run_here(words, step, environment, str(loaded.root), user)
    address = address_of(step.inside)
    surroundings = describe_surroundings(loaded, resolver, address)

    def open_inside() -> StreamReader:
        return open_channel(
            address,
            wrap_script_inside(step.run) if isinstance(step.run, str) else step.run,
            surroundings=surroundings,
            inside=Inside(user=user),
            environment=environment,
            timeout_seconds=step.timeout,
        )

    return _run_inside(open_inside)


def _run_here(words: Sequence[str], step: Step, environment: dict[str, str], root: str, user: str) -> str:
    reader = CommandReader(
        words, environment=environment, timeout_seconds=step.timeout, directory=root, user=user or None
    )
    try:
        heard = overhear(reader)
        status = reader.wait()
        output = heard.finish()
        last_words = mask(reader.last_words())
    finally:
        reader.close()
    try:
        reader.check_time()
    except CommandFailed:
        raise _took_too_long(step, output or last_words) from None
    if status:
        raise _failed(status, last_words or mask(output))
    return mask("\n".join(each for each in (output, last_words) if each))


def _run_inside(open_inside: Callable[[], StreamReader]) -> str:
    reader = open_inside()
    try:
        output = overhear(reader).finish_stream()
        reader.finish()
    finally:
        reader.close()
    return mask(output)


def _took_too_long(step: Step, words: str) -> CommandFailed:
    return CommandFailed(
        "it took longer than {seconds} s and was ended with all that it had started. Its last words: {words}",
        hint="See what it waits for, or give it a longer timeout.",
        seconds=step.timeout,
        words=mask(words) or "–",
    )


def _failed(status: int, words: str) -> CommandFailed:
    if status < 0:
        return CommandFailed(
            "it was ended by {signal}. Its last words: {words}", signal=name_signal(-status), words=words or "–"
        )
    return CommandFailed("it ended with status {status}. Its last words: {words}", status=status, words=words or "–")
