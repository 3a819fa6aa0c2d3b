"""``restore --in-place``: from what was asked for to a plan, and to its beginning."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from msgspec.structs import replace

from rebond.cli.in_place.carrying_out import carry_out
from rebond.cli.in_place.choosing import choose_parts_to_bring
from rebond.cli.in_place.runs import begin_run, require_no_open_run
from rebond.cli.in_place.shown import describe_plan, plan_document
from rebond.cli.in_place.sources import sources_of
from rebond.cli.in_place.surroundings import look_around, name_run
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note, require_consent
from rebond.cli.output.observing import describe_finding, finding_document
from rebond.cli.output.speech import tr
from rebond.cli.turns.holding import stack_held
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.operations.recovery.foreseeing import foresee, tell_foreseen
from rebond.progress import Observer
from rebond.stack.preconditions import list_shut
from rebond.stack.recovering import leave_out, plan_recovery


def restore_in_place(
    invocation: Invocation,
    loaded: Loaded,
    vault: VaultAtHand,
    watcher: Observer,
    words: Sequence[str],
    moment: str | None,
    wishes: Mapping[str, Any],
) -> int:
    """Bring components back into their places. Return 3 when something could not be put back as it was."""
    clock, run = SystemClock(), name_run(invocation)
    with ExitStack() as held:
        sources = held.enter_context(sources_of(invocation, loaded, vault, watcher))
        wish = choose_parts_to_bring(invocation, loaded, sources, words, moment, wishes)
        around = look_around(invocation, vault, loaded, run, sources.by_component(wish))
        plan, means = plan_recovery(loaded, wish, around, is_dry=wishes["dry_run"])
        apart = [leave_out(str(each.values["component"]), each) for each in sources.left_out]
        plan = replace(plan, left_out=(*plan.left_out, *apart)) if apart else plan
        missing = list(list_shut(loaded, plan.parts))
        foreseen = foresee(means.parts.values())
        if wishes["dry_run"]:
            missing += tell_foreseen(foreseen)
            document = {**plan_document(plan), "dry_run": True, "missing": [finding_document(each) for each in missing]}
            answer(invocation, document, "\n".join([describe_plan(plan), *map(describe_finding, missing)]))
            return GOOD
        note(invocation, describe_plan(plan))
        require_no_open_run(invocation, plan.stack, clock)
        refusal = next((each for each in foreseen if isinstance(each, RebondError)), None)
        for finding in [*missing, *tell_foreseen([each for each in foreseen if each is not refusal])]:
            note(invocation, describe_finding(finding))
        if refusal is not None:
            raise refusal.told_by("Nothing was changed. {reason}", reason=refusal)
        require_consent(invocation, tr("Carry this plan out?"), is_given=wishes["yes"])
        held.enter_context(stack_held(invocation, waits=False, what="rebond restore", loaded=loaded))
        require_no_open_run(
            invocation, plan.stack, clock
        )  # another one may have begun, and been cut, since the question
        journal = begin_run(invocation, loaded, wish, plan, clock)
        return carry_out(invocation, plan, means, journal, watcher, loaded)
