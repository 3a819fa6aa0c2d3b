"""A keeper that prunes: one mark, from putting it to deleting it.

The plan is left out on purpose: a keeper here may name *any* packs, needed or not. So safety does not
lean on how well a plan was made, and every real plan is covered.
"""

import itertools
from collections.abc import Iterator

from tests.model.world import NONE, Configuration, Local, Names, Process, Rules, Step, Store, put_mark, remove_mark

from rebond.vault.protocol_orders import PruneStep, RecheckStep
from rebond.vault.protocol_rules import ClaimFacts, ClaimPurpose, MarkFacts, MarkPurpose

FIRST = Local(at="prune")
ENDED = "ended"


def move_keeper(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Yield what the keeper may do next."""
    if local.at == "ended":
        return
    step = rules.prune_order[local.step]
    if local.at == "mark":
        again = put_mark(store, MarkFacts(local.mark, MarkPurpose.DELETE, local.names))
        yield Step(f"puts mark {local.mark} again", again, _advance(rules, local))
    elif local.at == "void":
        yield _void(rules, process, store, local)
    elif local.at == "recheck":
        yield from _recheck(configuration, rules, process, store, local)
    elif local.at == "delete":
        yield from _delete(configuration, rules, process, store, local)
    elif step == PruneStep.PUT_MARK:
        yield from _put_mark(configuration, rules, process, store, local)
    elif step == PruneStep.CLAIM:
        yield from _claim(configuration, rules, process, store, local)
    elif step == PruneStep.CLOSE_SESSIONS:
        found = rules.find_uninformed_sessions(store.sessions, store.record_names(), store.tombstones, local.mark)
        names = tuple(sorted(session.name for session in found))
        after = local._replace(at="void", todo=names) if names else _advance(rules, local)
        yield Step(f"lists sessions and snapshots; open and uninformed: {', '.join(names) or 'none'}", store, after)
    elif step == PruneStep.RECHECK:
        yield from _recheck(configuration, rules, process, store, local._replace(at="recheck", todo=("0",)))
    elif step == PruneStep.PUT_LISTS:
        yield from _put_lists(configuration, rules, process, store, local)
    elif step == PruneStep.DELETE:
        todo = tuple(sorted(local.doomed))
        yield from _delete(configuration, rules, process, store, local._replace(at="delete", todo=todo))
    elif step == PruneStep.DELETE_MARK:
        yield _delete_mark(configuration, rules, process, store, local)


def _advance(rules: Rules, local: Local) -> Local:
    step = local.step + 1
    if step == len(rules.prune_order):
        return Local(at=ENDED)
    return local._replace(at="prune", step=step, todo=(), marks=frozenset(), packs=frozenset())


def _put_mark(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    mark_id = f"m{process.name}"
    for names in _nonempty_subsets(store.packs if configuration.new_marks else NONE):
        after = put_mark(store, MarkFacts(mark_id, MarkPurpose.DELETE, names))
        later = _advance(rules, local._replace(mark=mark_id, names=names))
        yield Step(f"puts mark {mark_id} on {_words(names)}", after, later)
        if configuration.repeated_puts:
            again = local._replace(at="mark", mark=mark_id, names=names)
            yield Step(f"puts mark {mark_id} on {_words(names)} and hears nothing", after, again)
    claims = dict(store.claims)
    for mark in store.marks:
        if rules.may_take_up(mark, claims, MarkPurpose.DELETE):
            names = frozenset(map(str, mark.names))
            later = _advance(rules, local._replace(mark=str(mark.id), names=names))
            yield Step(f"takes up mark {mark.id}", store, later)


def _claim(configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    found = store.claim_of(local.mark)
    own = ClaimFacts(process.name, ClaimPurpose.DELETE)
    if found is None:
        after = store._replace(claims=store.claims | {(local.mark, own)})
        yield Step(f"claims {local.mark}", after, _advance(rules, local))
        if configuration.withdrawals:
            taken = ClaimFacts(process.name, ClaimPurpose.WITHDRAW)
            after = store._replace(claims=store.claims | {(local.mark, taken)})
            last = local._replace(step=len(rules.prune_order) - 1)
            yield Step(f"claims {local.mark} in order to take it back", after, last)
    elif rules.holds_claim(found, process.name, ClaimPurpose.DELETE):
        yield Step(f"finds its claim of {local.mark}", store, _advance(rules, local))
    else:
        yield Step(f"finds {local.mark} claimed by {found.process} and leaves it", store, Local(at=ENDED))


def _void(rules: Rules, process: Process, store: Store, local: Local) -> Step:
    name, *rest = local.todo
    after = local._replace(todo=tuple(rest)) if rest else _advance(rules, local)
    if name in store.record_names():
        return Step(f"cannot void {name}: it is closed", store, after)
    claim = store.claim_of(local.mark)
    wrong = "" if claim is not None and claim.process == process.name else "a session is voided without a claim"
    return Step(f"voids {name}", store._replace(voids=store.voids | {name}), after, wrong)


def _recheck(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """List what the order says, skip what this world does not need, then decide what goes."""
    position = int(local.todo[0])
    skipped = _skipped(configuration)
    while rules.recheck_order[position] in skipped:
        position += 1
    step = rules.recheck_order[position]
    variants = [local]
    if step == RecheckStep.READ_KNOWN:
        variants = [local._replace(known=store.known)]
    elif step == RecheckStep.READ_FORGOTTEN:
        variants = [local._replace(forgotten=store.forgotten)]
    elif step == RecheckStep.LIST_MARKS:
        variants = [local._replace(marks=store.marks)]
    elif step == RecheckStep.LIST_PACKS:
        variants = [local._replace(packs=store.packs)]
    elif step == RecheckStep.LIST_SNAPSHOTS:
        variants = [local._replace(records=records) for records in _snapshot_listings(configuration, rules, store)]
    position += 1
    while position < len(rules.recheck_order) and rules.recheck_order[position] in skipped:
        position += 1
    for seen in variants:
        if position < len(rules.recheck_order):
            yield Step(str(step), store, seen._replace(todo=(str(position),)))
        else:
            yield _decide(configuration, rules, store, seen, str(step))


def _skipped(configuration: Configuration) -> frozenset[str]:
    skipped: set[str] = set()
    if not configuration.duplicates:
        skipped |= {RecheckStep.LIST_MARKS, RecheckStep.LIST_PACKS}
    if not configuration.run_records:
        skipped |= {RecheckStep.READ_KNOWN, RecheckStep.READ_FORGOTTEN}
    return frozenset(skipped)


def _snapshot_listings(configuration: Configuration, rules: Rules, store: Store) -> list[frozenset[tuple[str, str]]]:
    names = rules.find_needing_records((name for name, _ in store.commits), store.tombstones, store.marks)
    whole = frozenset(record for record in store.commits if record[0] in names)
    if not configuration.short_listings:
        return [whole]
    return [whole, *(whole - {record} for record in whole)]


def _decide(configuration: Configuration, rules: Rules, store: Store, local: Local, what: str) -> Step:
    """Work out what goes."""
    if configuration.run_records:
        listed = frozenset(name for name, _ in local.records)
        lost = rules.find_vanished_records(local.known, listed, local.forgotten)
        if lost:
            wrong = "" if configuration.short_listings else "a prune refuses although nothing is lost"
            return Step(f"{what}; refuses: {_words(lost)} vanished", store, Local(at=ENDED, verdict="refused"), wrong)
    packs = local.packs if configuration.duplicates else local.names
    marks = local.marks if configuration.duplicates else frozenset()
    marked = local.names.union(*(mark.names for mark in marks))
    needed = frozenset(segment for _, segment in local.records)
    doomed = rules.find_deletable_packs(local.names & packs, configuration.contents_of(packs), needed, marked)
    what = f"{what}; may delete {_words(doomed)}"
    fresh: Names = NONE
    if configuration.index_lists:
        replaced = frozenset(name for name, held in store.lists if held & doomed)
        fresh = frozenset(pack for name, held in store.lists if name in replaced for pack in held) - doomed
        doomed |= replaced
    records = local.records if configuration.run_records else frozenset()
    decided = local._replace(doomed=doomed, fresh=fresh, known=NONE, forgotten=NONE, records=records)
    return Step(what, store, _advance(rules, decided))


def _put_lists(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    after = _advance(rules, local._replace(fresh=NONE))
    if not local.fresh:
        yield from move_keeper(configuration, rules, process, store, after)
        return
    fresh = (f"L{process.name}", local.fresh)
    yield Step(
        f"puts index list {fresh[0]} of {_words(local.fresh)}", store._replace(lists=store.lists | {fresh}), after
    )


def _delete(configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    if not local.todo:
        yield from move_keeper(configuration, rules, process, store, _advance(rules, local))
        return
    name, *rest = local.todo
    after = store._replace(packs=store.packs - {name}, lists=frozenset(item for item in store.lists if item[0] != name))
    later = local._replace(todo=tuple(rest)) if rest else _advance(rules, local._replace(doomed=NONE))
    claim = store.claim_of(local.mark)
    wrong = "" if claim is not None and claim.process == process.name else "a deletion without a claim"
    yield Step(f"deletes {name}", after, later, wrong if name in store.packs else "")


def _delete_mark(configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local) -> Step:
    after = remove_mark(store, local.mark)
    if not rules.claims_are_kept:
        after = after._replace(claims=frozenset(item for item in after.claims if item[0] != local.mark))
    if configuration.run_records:
        after = after._replace(known=after.known | {name for name, _ in local.records})
    return Step(f"deletes mark {local.mark}", after, _advance(rules, local._replace(records=frozenset())))


def _nonempty_subsets(names: Names) -> Iterator[Names]:
    ordered = sorted(names)
    for size in range(1, len(ordered) + 1):
        yield from map(frozenset, itertools.combinations(ordered, size))


def _words(names: object) -> str:
    return ", ".join(sorted(map(str, names))) or "none"  # type: ignore[call-overload]
