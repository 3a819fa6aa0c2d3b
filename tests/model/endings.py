"""What later prunes make of a state in which everybody else is dead: nothing may be left that no run ever ends.

Here a prune is alone and goes one way only: it ends what was taken back, empties the trash mark by mark, and puts a
new mark on what a dead process left lying, unless that is held.
"""

from collections.abc import Callable, Iterator

from tests.model.operators import begin_renewal, move_executor, move_sweeper
from tests.model.world import Configuration, Local, Process, Program, Rules, State, Step, Store, put_mark

from rebond.vault.protocol_orders import ForgetStep
from rebond.vault.protocol_rules import (
    ClaimPurpose,
    MarkFacts,
    MarkPurpose,
    find_doomed_records,
    find_trash,
)

_ROUNDS = 12  # more than there are marks in any world here, with those that follow them
Ending = Callable[[Configuration, Rules, State], str]


def settle(configuration: Configuration, rules: Rules, store: Store) -> Store:
    """Return the store after as many whole prunes as it takes, one after another."""
    for number in range(_ROUNDS):
        before = store
        store = _prune_alone(configuration, rules, store, f"Z{number}")
        if store == before:
            return store
    raise AssertionError(f"prunes do not come to an end in the world of {configuration.name}")


def _prune_alone(configuration: Configuration, rules: Rules, store: Store, name: str) -> Store:
    process = Process(kind="executor", name=name)
    for mark in _forget_marks(store):
        claim = store.claim_of(mark.id)
        if claim is not None and claim.purpose is ClaimPurpose.WITHDRAW:
            begun = begin_renewal(rules, process, store, Local(at="start"), mark)
            store = _follow(configuration, rules, move_sweeper, process, begun)
    taken = Local(at="emptying", step=rules.forget_order.index(ForgetStep.TAKE_MARK) + 1)
    for mark in _forget_marks(store):
        if rules.may_take_up(mark, dict(store.claims), MarkPurpose.FORGET):
            chosen = taken._replace(mark=str(mark.id), names=frozenset(map(str, mark.names)))
            begun = move_executor(configuration, rules, process, store, chosen)
            store = _follow(configuration, rules, move_executor, process, begun)
    there = frozenset(found for found, _ in store.commits)
    left = (frozenset(map(str, find_doomed_records(store.marks, dict(store.claims)))) & there) - store.holds
    if left:
        mark = MarkFacts(f"f{name}", MarkPurpose.FORGET, left)
        chosen = taken._replace(mark=str(mark.id), names=left)
        begun = move_executor(configuration, rules, process, put_mark(store, mark), chosen)
        store = _follow(configuration, rules, move_executor, process, begun)
    return store


def _forget_marks(store: Store) -> list[MarkFacts]:
    return sorted((mark for mark in store.marks if mark.purpose is MarkPurpose.FORGET), key=lambda mark: str(mark.id))


def _follow(
    configuration: Configuration, rules: Rules, program: Program, process: Process, steps: Iterator[Step]
) -> Store:
    """Let one process go to its end."""
    step = next(steps)
    while step.local.at not in {"ended", "start"}:
        step = next(program(configuration, rules, process, step.store, step.local))
    return step.store


def held_comes_back(configuration: Configuration, rules: Rules, state: State) -> str:
    """What somebody was told is held is listed again after the next prunes, whoever died."""
    told = {local.todo[0] for local in state.locals if local.verdict == "held"}
    if told:
        store = settle(configuration, rules, state.store)
        for name in told & find_trash(store.marks, dict(store.claims)):
            return f"{name} is held, and stays in the trash for ever"
    return ""


def trash_is_emptied(configuration: Configuration, rules: Rules, state: State) -> str:
    """After the next prunes nothing lies in the trash but what a hold keeps that came too late, as its holder is told.

    When that hold is lifted too, nothing at all.
    """
    told = {local.todo[0] for local in state.locals if local.verdict == "held"}
    store = settle(configuration, rules, state.store)
    left = _left(store)
    if not left <= store.holds - told:
        return f"{sorted(left)} lie in the trash, and no prune ends that"
    lifted = _left(settle(configuration, rules, store._replace(holds=frozenset())))
    return f"{sorted(lifted)} lie in the trash though nothing holds them" if lifted else ""


def _left(store: Store) -> frozenset[str]:
    there = {name for name, _ in store.commits} - store.tombstones
    return frozenset(name for name in there if name in find_trash(store.marks, dict(store.claims)))


ENDING_INVARIANTS: dict[str, Ending] = {
    "what is held comes back": held_comes_back,
    "the trash is emptied": trash_is_emptied,
}
