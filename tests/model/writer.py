"""A writer: it wants one chunk stored, refers to it where it is usable and stores it where it is not."""

from collections.abc import Iterator

from tests.model.world import Configuration, Local, Process, Rules, Step, Store, declare, put_session

from rebond.vault.protocol_orders import CommitStep, LookStep
from rebond.vault.protocol_rules import RecordVerdict, SessionFacts

FIRST = Local(at="look")
ENDED = "ended"
LIST_OWN_SNAPSHOTS = "list own snapshots instead of packs"  # no rule: a shortcut that loses data


def session_of(process: Process, local: Local) -> str:
    """Return the name of the session's commit record."""
    return f"{process.name}.{local.attempt}"


def own_pack(process: Process, attempt: int) -> str:
    """Return the pack that an attempt stores; it holds the segment of the same name in lower case."""
    return f"+{process.name}.{attempt}"


def move_writer(
    configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local
) -> Iterator[Step]:
    """Yield what the writer may do next."""
    if configuration.restarts and local.at != ENDED and local.attempt + 1 < process.attempts:
        yield Step("crashes; its next run begins", store, Local(at="look", attempt=local.attempt + 1))
    if local.at == "look":
        yield from _look(configuration, rules, process, store, local)
    elif local.at == "store":
        pack = own_pack(process, local.attempt)
        after = store._replace(packs=store.packs | {pack})
        if configuration.index_lists:
            after = after._replace(lists=after.lists | {("L" + pack, frozenset({pack}))})
        yield Step(f"puts pack {pack}", after, local._replace(at="commit", step=0, pick=pack.lower()))
        if configuration.repeated_puts and after != store:
            yield Step(f"puts pack {pack} and hears nothing", after, local)
    elif local.at == "commit":
        yield from _commit(configuration, rules, process, store, local)
        if configuration.late_looks and local.step == 0 and not local.todo:
            yield Step("lists the marks once more", store, local._replace(at="late", marks=store.marks))
    elif local.at == "late":
        named = frozenset(str(name) for mark in local.marks for name in mark.names)
        used = frozenset(pack for pack in named if local.pick in configuration.segments_of(pack))
        fresh = rules.find_declarable_marks(local.marks, used)
        yield Step(
            f"declares {_words(fresh)} late",
            declare(store, session_of(process, local), fresh),
            local._replace(at="commit", marks=frozenset(), todo=("looked",)),
        )


def _look(configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    step = rules.look_order[local.step]
    name = session_of(process, local)
    after, what = store, str(step)
    if step == LookStep.OPEN:
        after = store if store.find_session(name) else put_session(store, SessionFacts(name))
        what = f"opens session {name}"
    elif step == LookStep.LIST_MARKS:
        local = local._replace(marks=store.marks)
        what = f"lists the marks: {_words(mark.id for mark in store.marks)}"
    elif step == LookStep.DECLARE:
        after = declare(store, name, rules.find_declarable_marks(local.marks, frozenset()))
        what = f"declares {_words(mark.id for mark in local.marks)}"
    elif step == LIST_OWN_SNAPSHOTS:
        local = local._replace(packs=frozenset(_remembered(configuration, store)))
        what = "finds its own snapshot listed, and asks the index alone"
    elif step == LookStep.LIST_PACKS:
        local = local._replace(packs=store.packs)
        what = f"lists the packs: {_words(store.packs)}"
    if local.step + 1 < len(rules.look_order):
        yield Step(what, after, local._replace(step=local.step + 1))
    else:
        yield from _choose(configuration, rules, process, what, after, local)


def _remembered(configuration: Configuration, store: Store) -> list[str]:
    """Return the packs that an old index knows for what a listed snapshot needs; they may be long gone."""
    needed = {segment for _, segment in store.commits}
    return [pack for pack in configuration.stale_index if needed & configuration.segments_of(pack)]


def _choose(
    configuration: Configuration, rules: Rules, process: Process, what: str, store: Store, local: Local
) -> Iterator[Step]:
    """Pick any usable segment; store the chunk anew only when there is none."""
    usable = rules.find_usable_packs(local.packs, local.marks)
    own = [own_pack(process, attempt) for attempt in range(local.attempt)]
    usable = usable | rules.find_adoptable_packs(own, usable)
    picks = sorted({segment for pack in usable for segment in configuration.segments_of(pack)})
    clean = local._replace(step=0, marks=frozenset(), packs=frozenset())
    for pick in picks:
        yield Step(f"{what}; refers to {pick}", store, clean._replace(at="commit", pick=pick))
    if not picks:
        yield Step(f"{what}; nothing is usable", store, clean._replace(at="store"))


def _commit(configuration: Configuration, rules: Rules, process: Process, store: Store, local: Local) -> Iterator[Step]:
    name = session_of(process, local)
    step = rules.commit_order[local.step]
    later = local._replace(step=local.step + 1, todo=())
    if later.step == len(rules.commit_order):
        later = Local(at=ENDED, attempt=local.attempt, pick=local.pick, verdict="success")
    if step == CommitStep.PUT_DONE:
        session = store.find_session(name) or SessionFacts(name)
        yield Step("puts done", put_session(store, session._replace(is_done=True)), later)
        return
    record = (name, local.pick)
    if rules.commit_is_conditional and name in store.record_names():
        found = "void" if name in store.voids else next(pick for found, pick in store.commits if found == name)
        verdict = rules.judge_record(found, local.pick, is_void=name in store.voids)
        if verdict == RecordVerdict.COMMITTED and rules.stands_committed(name, store.tombstones):
            yield Step(f"finds its own record {name}", store, later)
        else:
            yield from _start_again(rules, process, f"finds {name} {verdict}", store, local)
        return
    after = store._replace(commits=store.commits | {record})
    if not rules.stands_committed(name, store.tombstones):
        yield from _start_again(rules, process, f"commits {name}, forgotten long ago", after, local)
        return
    yield Step(f"commits {name}, which needs {local.pick}", after, later)
    if configuration.repeated_puts:
        yield Step(f"commits {name}, which needs {local.pick}, and hears nothing", after, local)


def _start_again(rules: Rules, process: Process, what: str, store: Store, local: Local) -> Iterator[Step]:
    if local.attempt + 1 >= process.attempts:
        yield Step(f"{what} and gives up", store, Local(at=ENDED, attempt=local.attempt))
        return
    again = Local(at="look", attempt=local.attempt + 1)
    if not rules.voided_writer_looks_again:
        again = Local(at="commit", attempt=local.attempt + 1, pick=local.pick)
        store = put_session(store, SessionFacts(session_of(process, again)))
    yield Step(f"{what} and starts again", store, again)


def _words(names: object) -> str:
    return ", ".join(sorted(map(str, names))) or "none"  # type: ignore[call-overload]
