"""What a recovery on a bare machine had an engine make, and what stays there when the recovery is rolled back."""

import contextlib
import os

import msgspec

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.config.model import Loaded
from rebond.durable_files import replace_durably
from rebond.errors import RebondError
from rebond.operations.recovery.journal import Journal
from rebond.stack.engine_traces import Traces, find_made, list_traces, uses_engine

_BEFORE = "engine"


def note_engine(journal: Journal, loaded: Loaded, *, is_changed: bool) -> None:
    """Write down what the engine has before a run changes it; where it says nothing, nobody will be told later."""
    if is_changed and uses_engine(loaded):
        with contextlib.suppress(RebondError, OSError):
            content = msgspec.json.encode(list_traces(loaded))
            replace_durably(os.fspath(journal.folder / _BEFORE), content)


def find_left(journal: Journal, loaded: Loaded) -> tuple[Traces, str]:
    """Return what was made since, of this stack, and the engine that has it; nothing where nobody knows."""
    try:
        before = msgspec.json.decode((journal.folder / _BEFORE).read_bytes(), type=Traces)
        return find_made(loaded, before)
    except (RebondError, OSError, msgspec.MsgspecError):
        return Traces(), ""


def say_left(invocation: Invocation, made: Traces, client: str) -> None:
    """Name it, with the line that removes it. Nothing is removed unasked: a service may have written there since."""
    if names := ", ".join(made.names()):
        note(
            invocation,
            tr(
                "{client} keeps what was made since this recovery began: {names}. When nothing in it is missed, this "
                "removes it: {command}",
                client=client,
                names=names,
                command=made.removal(client),
            ),
        )
