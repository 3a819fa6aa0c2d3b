"""The order in which a stack comes back: nothing is started before all that it reads is there."""

import itertools

import pytest

from rebond.operations.recovery.plan import CommandNames, PlannedPart, RecoveryPlan, StepKind, make_plan

KINDS = {"env": "secrets", "db": "postgres", "media": "files", "cache": "redis"}
COMMANDS = CommandNames(stop=["down"], rebuild=["build"], start=["up"], healthy=["ask"])


def plan_of(names: tuple[str, ...], *, is_bare: bool) -> RecoveryPlan:
    parts = [
        PlannedPart(name=each, kind=KINDS[each], snapshot="a", moment_ms=0, place=f"/{each}", needs_server=each == "db")
        for each in names
    ]
    return make_plan(run="r", stack="shop", parts=parts, commands=COMMANDS, is_bare=is_bare)


@pytest.mark.parametrize("is_bare", [False, True])
def test_secrets_and_files_come_before_databases_and_all_of_them_before_anything_is_started(is_bare: bool) -> None:
    for names in itertools.permutations(KINDS):
        steps = [(each.kind, each.subject) for each in plan_of(names, is_bare=is_bare).steps]
        place = {name: steps.index((StepKind.PUT, name)) for name in KINDS}
        assert place["media"] < place["env"] < min(place["db"], place["cache"]), names
        assert max(place.values()) < steps.index((StepKind.START, "up")) < steps.index((StepKind.HEALTHY, "ask"))
        assert steps.index((StepKind.STOP, "down")) < min(place.values())
        if is_bare:  # what came back says how the server is started that is to be loaded
            assert max(place["media"], place["env"]) < steps.index((StepKind.REACH, "db"))
