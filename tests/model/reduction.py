"""States that nobody can tell apart are explored once.

Each line drops what no process can ever read again, so the reduced world takes exactly the steps of
the whole one (a bisimulation; the invariants look at nothing that is dropped):

- what a closed session declared, and that it is done, unless the configuration has somebody who
  deletes records or journals (they read it);
- a claim, and who declared a mark, once the mark is gone and no process works under it, unless puts
  may be repeated (a repeated put could bring the mark back).
"""

from tests.model.world import NONE, Configuration, Local, State, Step, Store

from rebond.vault.protocol_rules import SessionFacts

READERS_OF_JOURNALS = frozenset({"executor", "journal cleaner", "forgetter"})


def reduce_state(configuration: Configuration, state: State) -> State:
    """Return the representative of ``state``."""
    if any(process.kind in READERS_OF_JOURNALS for process in configuration.processes):
        return state
    store = state.store
    live = None if configuration.repeated_puts else _live_marks(state)
    sessions = _reduce_sessions(store, live)
    claims = store.claims if live is None else frozenset(item for item in store.claims if item[0] in live)
    if sessions == store.sessions and claims == store.claims:
        return state
    return State(store._replace(sessions=sessions, claims=claims), state.locals)


def is_reducible(before: Store, step: Step, local: Local) -> bool:
    """Say whether a step from a reduced state may lead to one that is not; cheaper than to try it."""
    after = step.store
    return step.local.mark != local.mark or not (
        after.sessions is before.sessions
        and after.marks is before.marks
        and after.claims is before.claims
        and after.commits is before.commits
        and after.voids is before.voids
    )


def _live_marks(state: State) -> frozenset[object]:
    """Return the marks that stand, that a process works under, or that a writer has read and may still declare."""
    live: set[object] = {mark.id for mark in state.store.marks}
    for local in state.locals:
        live.add(local.mark)
    return frozenset(live)


def _reduce_sessions(store: Store, live: frozenset[object] | None) -> frozenset[SessionFacts]:
    taken = store.record_names()
    reduced = set()
    for session in store.sessions:
        if session.name in taken:
            reduced.add(SessionFacts(session.name, NONE, is_done=False))
        elif live is not None:
            reduced.add(session._replace(declared=session.declared & live))
        else:
            reduced.add(session)
    return frozenset(reduced)
