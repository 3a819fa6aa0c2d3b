"""``restore --leave RUN``: the end of a restore in place that nothing else ends, because its record was spoilt."""

from msgspec import to_builtins

from rebond.cli.configuration.at_hand import find_stack
from rebond.cli.in_place.runs import load_run, restores_of
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note, require_consent
from rebond.cli.output.speech import message_of, show_path, tr
from rebond.clock import SystemClock
from rebond.errors import ConfigError, RestoreError
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.known_runs import SpoiltRun, describe_state, find_known
from rebond.operations.recovery.left_behind import LeftBehind, leave_run, list_left_behind, require_sound_notes


def leave(invocation: Invocation, text: str, *, is_confirmed: bool) -> int:
    """Say what is known of a spoilt restore and let it be. Raises ``Refused`` for one that can still be ended."""
    found = find_known(restores_of(invocation), text, SystemClock(), stack=find_stack(invocation))
    spoilt = _find_fault(invocation, found)
    behind = list_left_behind(found.folder)
    note(invocation, message_of(spoilt))
    for each in behind:
        note(invocation, _describe(each))
    question = tr(
        "Leave the restore {run} as it stands? Nothing is moved or deleted, and nothing of it can be undone by Rebond "
        "any more.",
        run=found.run,
    )
    require_consent(invocation, question, is_given=is_confirmed)
    left = leave_run(found.folder)
    document = {"run": found.run, "state": "left", "record": str(left), "parts": [to_builtins(each) for each in behind]}
    said = tr(
        "The restore {run} was left as it stands. What is left of its record lies in {path}.",
        run=found.run,
        path=show_path(str(left)),
    )
    answer(invocation, document, said)
    return GOOD


def _find_fault(invocation: Invocation, found: Journal | SpoiltRun) -> RestoreError | ConfigError:
    """Return why nothing else can end it. Raises ``Refused`` where something can."""
    if isinstance(found, SpoiltRun):
        return found.error
    try:
        load_run(invocation, found)
        require_sound_notes(found)
    except (RestoreError, ConfigError) as error:
        return error
    raise describe_state(found)


def _describe(left: LeftBehind) -> str:
    name = left.component
    if left.beside:
        return tr(
            "{component}: {place}; beside it {beside} holds what was set aside or fetched.",
            component=name,
            place=show_path(left.place),
            beside=show_path(left.beside),
        )
    if left.databases:
        return tr(
            "{component}: its server may hold these databases of the restore: {databases}.",
            component=name,
            databases=left.databases,
        )
    return tr("{component}: nothing of it is known to lie beside its place.", component=name)
