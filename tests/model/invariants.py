"""What must hold in every state (format page, section 15), each under a name that a test can ask for."""

from collections.abc import Callable

from tests.model.world import Configuration, Process, State, Step

from rebond.vault.protocol_rules import SessionFacts, find_trash, is_session_closed

Invariant = Callable[[Configuration, State], str]


def snapshots_are_whole(configuration: Configuration, state: State) -> str:
    """1: everything that a listed snapshot needs has a place in a listed pack."""
    present = {segment for pack in state.store.packs for segment in configuration.segments_of(pack)}
    for name, segment in state.store.commits:
        if segment not in present and name not in state.store.tombstones:
            return f"snapshot {name} is listed, and segment {segment} is in no pack"
    return ""


def names_hold_one_record(configuration: Configuration, state: State) -> str:
    """3: a session that was voided never holds a commit."""
    for name, _ in state.store.commits:
        if name in state.store.voids:
            return f"session {name} was voided and committed"
    return ""


def successes_are_kept(configuration: Configuration, state: State) -> str:
    """A snapshot that was reported stands until it is deleted on purpose."""
    listed = {name for name, _ in state.store.commits}
    for process, local in zip(configuration.processes, state.locals, strict=True):
        if process.kind == "writer" and local.verdict == "success":
            name = f"{process.name}.{local.attempt}"
            if name not in listed and name not in state.store.deleted:
                return f"{process.name} reported {name}, which is not there"
    return ""


def holds_hold(configuration: Configuration, state: State) -> str:
    """A snapshot is never deleted after somebody was told that it is held."""
    for local in state.locals:
        if local.verdict == "held" and local.todo[0] in state.store.deleted:
            return f"{local.todo[0]} is gone although its hold was confirmed"
    return ""


def taken_back_is_kept(configuration: Configuration, state: State) -> str:
    """A snapshot is never deleted after somebody was told that it was taken back, unless forgotten again."""
    again = sum(process.kind == "forgetter" for process in configuration.processes)
    for local in state.locals:
        if local.verdict == "taken back" and not again and local.todo[0] in state.store.deleted:
            return f"{local.todo[0]} is gone although it was taken out of the trash"
    return ""


def forgotten_stays_forgotten(configuration: Configuration, state: State) -> str:
    """What nobody takes back or holds is in the trash until it is gone."""
    if configuration.unwanted:
        names = configuration.unwanted.intersection(name for name, _ in state.store.commits)
        for name in names - find_trash(state.store.marks, dict(state.store.claims)):
            return f"{name} is listed again, and nobody wanted that"
    return ""


def index_is_complete(configuration: Configuration, state: State) -> str:
    """A reader finds what a listed snapshot needs without looking into every pack."""
    if not configuration.index_lists:
        return ""
    named = {pack for _, packs in state.store.lists for pack in packs} & state.store.packs
    present = {segment for pack in named for segment in configuration.segments_of(pack)}
    for name, segment in state.store.commits:
        if segment not in present:
            return f"no index list says where segment {segment} of snapshot {name} is"
    return ""


STATE_INVARIANTS: dict[str, Invariant] = {
    "snapshots are whole": snapshots_are_whole,
    "names hold one record": names_hold_one_record,
    "successes are kept": successes_are_kept,
    "holds hold": holds_hold,
    "taken back is kept": taken_back_is_kept,
    "forgotten stays forgotten": forgotten_stays_forgotten,
    "the index is complete": index_is_complete,
}


def judge_step(configuration: Configuration, state: State, process: Process, step: Step) -> str:
    """2 and 4: judge what is deleted at the moment when it is deleted."""
    gone = state.store.packs - step.store.packs
    if gone:
        mark = next(
            local.mark for local, other in zip(state.locals, configuration.processes, strict=True) if other is process
        )
        for writer, local in zip(configuration.processes, state.locals, strict=True):
            if writer.kind == "writer" and local.at in {"store", "commit", "late"}:
                name = f"{writer.name}.{local.attempt}"
                session = state.store.find_session(name) or SessionFacts(name)
                closed = is_session_closed(session, state.store.record_names(), state.store.tombstones)
                if not closed and mark not in session.declared:
                    return f"{sorted(gone)} deleted while session {name}, open, does not know mark {mark}"
    return step.wrong
