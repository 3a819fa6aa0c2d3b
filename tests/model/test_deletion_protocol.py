"""The commit and prune protocol, explored: whole with all its rules, broken without any one of them."""

import random

import pytest
from tests.model.configurations import PRUNE, REPEAT, SMALL
from tests.model.search import explore
from tests.model.switches import SWITCHES, Switch
from tests.model.walking import walk
from tests.model.world import Configuration

STATE_LIMIT = 150_000


@pytest.mark.slow
@pytest.mark.parametrize("configuration", SMALL, ids=lambda configuration: configuration.name)
def test_no_interleaving_breaks_an_invariant(configuration: Configuration) -> None:
    found = explore(configuration, limit=STATE_LIMIT)

    assert not found.broken, "\n" + found.describe()


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.rule)
def test_without_one_rule_something_is_lost(switch: Switch) -> None:
    found = explore(switch.configuration, switch.rules(), invariants={switch.breaks}, limit=STATE_LIMIT)

    assert found.broken, f"nothing breaks without the rule that {switch.rule}"
    assert found.trace


def test_every_rule_has_a_name_of_its_own() -> None:
    names = [switch.rule for switch in SWITCHES]

    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_the_worlds_are_not_empty() -> None:
    """Backups succeed, sessions are voided and packs are deleted in the very worlds that stay whole."""
    reached = explore(REPEAT, limit=STATE_LIMIT).reached

    assert {"success", "void", "delete"} <= reached
    assert len({process.kind for process in PRUNE.processes}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES[:4], ids=lambda switch: switch.rule)
def test_random_walks_through_worlds_find_what_breaks_without_a_rule(switch: Switch) -> None:
    walked = walk(switch.configuration, random.Random(2), seconds=10, rules=switch.rules())

    assert walked.broken
    assert walked.trace
