"""Everybody else: who forgets, takes back, holds, copies packs, and clears away what tells nothing any more."""

from collections.abc import Iterable, Iterator

from tests.model.world import NONE, Configuration, Local, Names, Process, Rules, Step, Store, put_mark, remove_mark

from rebond.vault.protocol_orders import ForgetStep, HoldStep, RenewalStep, UndeleteStep
from rebond.vault.protocol_rules import (
    MarkFacts,
    MarkPurpose,
    find_doomed_records,
    find_left_in_trash,
    find_listed_records,
    find_trash,
    is_session_closed,
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
    step = rules.forget_order[local.step]
    going = sorted(name for name in local.names if rules.may_delete_record(name, local.held))
    later = local._replace(at="emptying", step=local.step + 1)
    if later.step == len(rules.forget_order):
        later = ENDED
    if step == ForgetStep.TAKE_MARK:
        yield from _take_mark(rules, process, store, later)
    elif step == ForgetStep.READ_HOLDS:
        yield Step(f"{step}: {_words(store.holds)}", store, later._replace(held=store.holds))
    elif step == ForgetStep.CLAIM:
        own = rules.claim_for_deletion(process.name, local.names, local.held)
        if store.claim_of(local.mark) not in {None, own}:
            yield Step(f"finds {local.mark} claimed by somebody else", store, ENDED)
        else:
            after = store._replace(claims=store.claims | {(local.mark, own)})
            yield Step(f"claims {local.mark} and spares {_words(own.spares)}", after, later)
    elif step == ForgetStep.DELETE_MARK:
        yield Step(f"{step}: {local.mark}", remove_mark(store, local.mark), later)
    elif not going:
        last = rules.forget_order.index(ForgetStep.DELETE_MARK)
        yield from move_executor(configuration, rules, process, store, local._replace(step=last))
    elif step == ForgetStep.NAME_IN_RUN:
        yield Step(f"{step}: {_words(going)}", store._replace(forgotten=store.forgotten | set(going)), later)
    else:
        name, *rest = local.todo or going
        later = local._replace(todo=tuple(rest)) if rest else later._replace(todo=())
        yield Step(f"{step}: {name}", _remove_record(rules, store, step, name), later)


def _take_mark(rules: Rules, process: Process, store: Store, later: Local) -> Iterator[Step]:
    claims = dict(store.claims)
    for mark in store.marks:
        if rules.may_take_up(mark, claims, MarkPurpose.FORGET):
            chosen = later._replace(mark=str(mark.id), names=frozenset(map(str, mark.names)))
            yield Step(f"takes up mark {mark.id}", store, chosen)
    # What a process claimed and left half done goes under a new mark, never under the old one.
    for name in sorted(map(str, find_doomed_records(store.marks, claims))):
        mark = MarkFacts(f"f{process.name}", MarkPurpose.FORGET, frozenset({name}))
        chosen = later._replace(mark=str(mark.id), names=frozenset({name}))
        yield Step(f"puts a new mark {mark.id} on {name}", put_mark(store, mark), chosen)


def _remove_record(rules: Rules, store: Store, step: str, name: str) -> Store:
    if step == ForgetStep.PUT_TOMBSTONES:
        wanted = {name} if rules.needs_tombstone(store.find_session(name)) else set()
        return store._replace(tombstones=store.tombstones | wanted)
    if step == ForgetStep.DELETE_RECORDS:
        commits = frozenset(record for record in store.commits if record[0] != name)
        return store._replace(commits=commits, deleted=store.deleted | {name})
    return store._replace(sessions=frozenset(found for found in store.sessions if found.name != name))


def move_undeleter(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Take a snapshot out of the trash: told so only when no mark can delete it any more."""
    if local.at == "ended":
        return
    if local.at == "renew":
        yield from end_taken_back(rules, process, store, local)
        return
    step = rules.undelete_order[local.step]
    name, claims = process.record, dict(store.claims)
    keeping = _sorted(mark for mark in store.marks if name in find_left_in_trash(mark, claims.get(mark.id)))
    unclaimed = [mark for mark in keeping if mark.id not in claims]
    if step == UndeleteStep.CLAIM_MARKS:
        if name in rules.find_doomed_records(store.marks, claims):
            yield Step(f"cannot take {name} back: it is being deleted", store, ENDED._replace(verdict="refused"))
        elif unclaimed:
            own = rules.claim_for_return(process.name, name)
            after = store._replace(claims=store.claims | {(str(unclaimed[0].id), own)})
            yield Step(f"claims {unclaimed[0].id} in order to take {name} back", after, local)
        elif keeping:
            yield from begin_renewal(rules, process, store, local, keeping[0])
        else:
            yield _advance_undeletion(rules, process, f"finds no mark that keeps {name}", store, local)
    elif step == UndeleteStep.RENEW_MARKS:
        naming = _sorted(mark for mark in store.marks if mark.purpose is MarkPurpose.FORGET and name in mark.names)
        ending = [
            mark for mark in naming if rules.may_remove_mark(mark, claims.get(mark.id), process.name, store.packs)
        ]
        if UndeleteStep.CLAIM_MARKS not in rules.undelete_order:
            ending = naming
        if ending:
            yield from begin_renewal(rules, process, store, local, ending[0], frozenset({name}))
        else:
            yield _advance_undeletion(rules, process, "has no mark to end", store, local)
    else:
        there = name in {found for found, _ in store.commits} - store.tombstones
        if there and name not in find_trash(store.marks, claims):
            yield _advance_undeletion(rules, process, f"finds {name} listed", store, local)
        else:
            yield Step(f"finds {name} forgotten again, or gone", store, ENDED._replace(verdict="refused"))


def _advance_undeletion(rules: Rules, process: Process, what: str, store: Store, local: Local) -> Step:
    name = process.record
    if local.step + 1 == len(rules.undelete_order):
        return Step(f"{what}; says that {name} is back", store, ENDED._replace(verdict="taken back", todo=(name,)))
    return Step(what, store, local._replace(step=local.step + 1))


def _sorted(marks: Iterator[MarkFacts]) -> list[MarkFacts]:
    return sorted(marks, key=lambda mark: str(mark.id))


def begin_renewal(
    rules: Rules, process: Process, store: Store, local: Local, mark: MarkFacts, taken: Names = NONE
) -> Iterator[Step]:
    """End a mark that was taken back, for ``taken`` too; ``fresh`` is what it leaves in the trash."""
    left = frozenset(map(str, find_left_in_trash(mark, store.claim_of(mark.id)))) - taken
    begun = local._replace(at="renew", mark=str(mark.id), fresh=left, todo=("0",))
    yield Step(f"reads mark {mark.id}, which leaves {_words(left)}", store, begun)


def end_taken_back(rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    position = int(local.todo[0])
    step = rules.renewal_order[position]
    is_last = position + 1 == len(rules.renewal_order)
    done = local._replace(at="start", mark="", fresh=NONE, todo=())
    later = done if is_last else local._replace(todo=(str(position + 1),))
    if step == RenewalStep.DELETE_MARK:
        yield Step(f"removes mark {local.mark}", remove_mark(store, local.mark), later)
    elif not local.fresh:
        yield from end_taken_back(rules, process, store, later)
    else:
        following = f"{local.mark}+" if rules.next_mark_has_one_id else f"{local.mark}+{process.name}"
        mark = MarkFacts(following, MarkPurpose.FORGET, local.fresh)
        yield Step(f"puts mark {following} on {_words(local.fresh)}", put_mark(store, mark), later)


def move_holder(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Hold a snapshot: told "held" only when no mark kept it in the trash after the hold stood."""
    if local.at == "ended":
        return
    name, step = process.record, rules.hold_order[local.step]
    told = ENDED._replace(verdict="held", todo=(name,))
    later = told if local.step + 1 == len(rules.hold_order) else local._replace(step=local.step + 1)
    if step == HoldStep.PUT_HOLD:
        yield Step(f"puts a hold on {name}", store._replace(holds=store.holds | {name}), later)
        return
    claims = dict(store.claims)
    listed = find_listed_records((found for found, _ in store.commits), store.tombstones, store.marks, claims)
    if name not in listed:
        yield Step(f"finds {name} forgotten or gone", store, ENDED._replace(verdict="not held"))
    else:
        yield Step(f"finds {name} listed", store, later)


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
    if local.at == "renew":
        yield from _end_swept(end_taken_back(rules, process, store, local))
        return
    for mark in store.marks:
        if rules.may_remove_mark(mark, store.claim_of(mark.id), process.name, store.packs):
            if mark.purpose is MarkPurpose.FORGET:
                yield from _end_swept(begin_renewal(rules, process, store, local, mark))
            else:
                yield Step(f"removes mark {mark.id}", remove_mark(store, mark.id), ENDED)


def _end_swept(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        yield step if step.local.at == "renew" else step._replace(local=ENDED)


def move_journal_cleaner(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Delete a journal that tells nothing any more, or void a session that looks abandoned, alive or not."""
    if local.at == "ended":
        return
    for session in store.sessions:
        if not is_session_closed(session, store.record_names(), store.tombstones):
            yield Step(f"voids {session.name}", store._replace(voids=store.voids | {str(session.name)}), local)
    for session in store.sessions:
        if rules.may_delete_journal(session, store.voids, store.tombstones):
            after = store._replace(sessions=store.sessions - {session})
            yield Step(f"deletes the journal of {session.name}", after, ENDED)


def _words(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"
