"""Everybody else: who forgets, takes back, holds, copies packs, and clears away what tells nothing any more."""

from collections.abc import Iterator

from tests.model.world import Configuration, Local, Process, Rules, Step, Store, put_mark, remove_mark

from rebond.vault.protocol_orders import ForgetStep, HoldStep, UndeleteStep
from rebond.vault.protocol_rules import (
    ClaimFacts,
    ClaimPurpose,
    MarkFacts,
    MarkPurpose,
    find_doomed_records,
    find_listed_records,
    find_trash,
)

ENDED = Local(at="ended")


def move_forgetter(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Put a listed snapshot in the trash. It does not look at holds: reading them later must be enough."""
    if local.at == "ended":
        return
    claims = dict(store.claims)
    for name in find_listed_records((name for name, _ in store.commits), store.tombstones, store.marks, claims):
        mark = MarkFacts(f"f{process.name}", MarkPurpose.FORGET, frozenset({name}))
        yield Step(f"forgets {name} by mark {mark.id}", put_mark(store, mark), ENDED)


def move_executor(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Empty the trash: delete the records that a forget mark names, the first half of a prune."""
    if local.at == "ended":
        return
    if local.at == "start":
        claims = dict(store.claims)
        for mark in store.marks:
            if rules.may_take_up(mark, claims, MarkPurpose.FORGET):
                todo = tuple(sorted(map(str, mark.names)))
                chosen = local._replace(at="forget", mark=str(mark.id), todo=todo)
                yield from _execute(rules, process, store, chosen)
        yield from _finish_for_the_dead(rules, process, store, local)
        return
    yield from _execute(rules, process, store, local)


def _finish_for_the_dead(rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    """What a process claimed and left half done goes under a new mark, never under the old one."""
    for name in sorted(map(str, find_doomed_records(store.marks, dict(store.claims)))):
        mark = MarkFacts(f"f{process.name}", MarkPurpose.FORGET, frozenset({name}))
        after = local._replace(at="forget", mark=str(mark.id), todo=(name,))
        yield Step(f"puts a new mark {mark.id} on {name}", put_mark(store, mark), after)


def _execute(rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    step = rules.forget_order[local.step]
    (name,) = local.todo
    after, what = store, f"{step}: {name}"
    later = ENDED if local.step + 1 == len(rules.forget_order) else local._replace(step=local.step + 1)
    if step == ForgetStep.CLAIM:
        own = ClaimFacts(process.name, ClaimPurpose.DELETE)
        if store.claim_of(local.mark) not in {None, own}:
            later = ENDED
        after = store._replace(claims=store.claims | {(local.mark, own)}) if later != ENDED else store
    elif step == ForgetStep.READ_HOLDS:
        if not rules.may_delete_record(name, store.holds):
            last = rules.forget_order.index(ForgetStep.DELETE_MARK)
            later = local._replace(step=last)
    elif step == ForgetStep.NAME_IN_RUN:
        after = store._replace(forgotten=store.forgotten | {name})
    elif step == ForgetStep.PUT_TOMBSTONES:
        if rules.needs_tombstone(store.find_session(name)):
            after = store._replace(tombstones=store.tombstones | {name})
    elif step == ForgetStep.DELETE_RECORDS:
        commits = frozenset(record for record in store.commits if record[0] != name)
        after = store._replace(commits=commits, deleted=store.deleted | {name})
    elif step == ForgetStep.DELETE_JOURNALS:
        after = store._replace(sessions=frozenset(found for found in store.sessions if found.name != name))
    elif step == ForgetStep.DELETE_MARK:
        after = remove_mark(store, local.mark)
    yield Step(what, after, later)


def move_undeleter(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Take snapshot X out of the trash: told so only when no mark can delete it any more."""
    if local.at == "ended":
        return
    step = rules.undelete_order[local.step]
    own = ClaimFacts(process.name, ClaimPurpose.WITHDRAW)
    claims = dict(store.claims)
    marks = sorted(str(mark.id) for mark in store.marks if mark.purpose is MarkPurpose.FORGET and "X" in mark.names)
    if step == UndeleteStep.CLAIM_MARKS:
        if "X" in rules.find_doomed_records(store.marks, claims):
            yield Step("cannot take X back: it is being deleted", store, ENDED._replace(verdict="refused"))
            return
        unclaimed = [mark for mark in marks if mark not in claims]
        if unclaimed:
            after = store._replace(claims=store.claims | {(unclaimed[0], own)})
            yield Step(f"claims {unclaimed[0]} in order to take X back", after, local._replace(todo=tuple(marks)))
        else:
            yield _advance_undeletion(rules, "finds no unclaimed mark on X", store, local._replace(todo=tuple(marks)))
    elif step == UndeleteStep.DELETE_MARKS:
        claimed = UndeleteStep.CLAIM_MARKS in rules.undelete_order
        todo = local.todo if claimed or local.todo else tuple(marks)
        after = remove_mark(store, todo[0]) if todo else store
        rest = local._replace(todo=todo[1:])
        what = f"deletes mark {todo[0]}" if todo else "has no mark to delete"
        yield Step(what, after, rest) if todo[1:] else _advance_undeletion(rules, what, after, rest)
    else:
        there = "X" in {name for name, _ in store.commits} - store.tombstones
        if there and "X" not in find_trash(store.marks, claims):
            yield _advance_undeletion(rules, "finds X listed", store, local)
        else:
            yield Step("finds X forgotten again, or gone", store, ENDED._replace(verdict="refused"))


def _advance_undeletion(rules: Rules, what: str, store: Store, local: Local) -> Step:
    if local.step + 1 == len(rules.undelete_order):
        return Step(f"{what}; says that X is back", store, ENDED._replace(verdict="taken back", todo=("X",)))
    return Step(what, store, local._replace(step=local.step + 1))


def move_holder(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Hold the snapshot ``X``: told "held" only when no mark named it after the hold stood."""
    if local.at == "ended":
        return
    step = rules.hold_order[local.step]
    last = local.step + 1 == len(rules.hold_order)
    if step == HoldStep.PUT_HOLD:
        after = ENDED._replace(verdict="held") if last else local._replace(step=local.step + 1)
        yield Step("puts a hold on X", store._replace(holds=store.holds | {"X"}), after)
        return
    claims = dict(store.claims)
    listed = find_listed_records((name for name, _ in store.commits), store.tombstones, store.marks, claims)
    if "X" not in listed:
        yield Step("finds X forgotten or gone", store, ENDED._replace(verdict="not held"))
    elif last:
        yield Step("finds X listed", store, ENDED._replace(verdict="held"))
    else:
        yield Step("finds X listed", store, local._replace(step=local.step + 1))


def move_copier(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Repack: read pack A while it is there, then put pack R with the same segments."""
    if local.at == "start" and "A" in store.packs:
        yield Step("reads pack A", store, local._replace(at="put"))
    elif local.at == "put":
        yield Step("puts pack R with the segments of A", store._replace(packs=store.packs | {"R"}), ENDED)


def move_sweeper(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Remove a mark that another process left."""
    if local.at == "ended":
        return
    for mark in store.marks:
        if rules.may_remove_mark(mark, store.claim_of(mark.id), process.name, store.packs):
            yield Step(f"removes mark {mark.id}", remove_mark(store, mark.id), ENDED)


def move_journal_cleaner(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Delete a journal that tells nothing any more."""
    if local.at == "ended":
        return
    for session in store.sessions:
        if rules.may_delete_journal(session, store.voids, store.tombstones):
            after = store._replace(sessions=store.sessions - {session})
            yield Step(f"deletes the journal of {session.name}", after, ENDED)
