"""Which segments may go: a plan, and carrying it out.

Kept is all of the last *window*, back to the start of the newest base that was complete before the window began, so
that every moment of it can be reached; and what each older base that is kept needs by itself. Without such a base
nothing goes. A timeline that a kept one may come from goes only below its own needs.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rebond.errors import VaultDamaged
from rebond.identifiers import ObjectName
from rebond.operations.wal.coverage import PREFIX, find_numbers
from rebond.operations.wal.tails import TAIL_PREFIX
from rebond.sources.postgres.wal_names import parse_stream, segment_name
from rebond.vault.access import Vault
from rebond.vault.commits import EndedCommit, UnreadableCommit, read_commits
from rebond.vault.marks import read_marks
from rebond.vault.prune_survey import read_store_time
from rebond.vault.sessions import list_sessions, read_session_facts
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.stream_catalogue import list_streams

_ONE_HOUR_MS = 3_600_000  # whoever reads the pieces of a segment now has read them by then
_ONE_DAY_MS = 86_400_000  # a base that is being taken from a standby begins a little before its session


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseNeed:
    """What one base cannot do without: segments of one timeline. ``whole_ms`` is when it stood, by the store's clock.

    ``is_listed`` says that the base is whole and not in the trash: what lies there holds its own log, and no window.
    """

    system_id: int
    timeline: int
    first: int
    last: int
    whole_ms: int
    snapshot: str = ""
    stack: str = ""
    is_listed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One object that may go."""

    name: ObjectName
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalPlan:
    """What may go of one cluster. ``reason`` says why nothing does, where nothing does."""

    system_id: int
    doomed: tuple[Doomed, ...] = ()
    reason: str = ""

    @property
    def freed_bytes(self) -> int:
        """Stored bytes that will be free."""
        return sum(each.size for each in self.doomed)


def read_needs(vault: Vault) -> list[BaseNeed]:
    """Return what the bases of the vault need. Raises ``VaultDamaged`` when a record cannot be read."""
    forgotten = read_marks(vault.store, vault.vault_id, vault.roster).forgotten()
    needs = []
    for commit in read_commits(vault):
        if isinstance(commit, UnreadableCommit):
            raise VaultDamaged(
                "No log was deleted: what the snapshot {name} needs of it cannot be read.",
                hint="Run 'rebond verify'.",
                name=commit.name.name,
            )
        if isinstance(commit, EndedCommit) or not isinstance(commit, SnapshotRecord):
            continue
        for stream, first, last in commit.catalog.needs:
            parsed = parse_stream(stream)
            if parsed is not None and parsed[1] is not None:
                needs.append(
                    BaseNeed(
                        system_id=parsed[0],
                        timeline=parsed[1],
                        first=first,
                        last=last,
                        whole_ms=commit.store_time_ms,
                        snapshot=commit.name,
                        stack=commit.catalog.stack,
                        is_listed=commit.name not in forgotten and commit.is_complete,
                    )
                )
    return needs


def find_floors(needs: Iterable[BaseNeed], since_ms: int) -> Mapping[int, int] | None:
    """Return for each timeline the segment below which only bases' own needs count; ``None`` when nothing may go.

    ``since_ms`` is the beginning of the window. Timelines after that of the base have no floor: all of them stays.
    """
    bases = [each for each in needs if each.is_listed and each.whole_ms <= since_ms]
    if not bases:
        return None
    anchor = max(bases, key=lambda each: (each.whole_ms, each.timeline, each.first))
    of_anchor = [each for each in bases if each.snapshot == anchor.snapshot]
    lowest = min(of_anchor, key=lambda each: (each.timeline, each.first))
    return {lowest.timeline: lowest.first}


def choose_doomed(
    numbers: Mapping[int, int],
    timeline: int,
    *,
    floors: Mapping[int, int],
    needs: Sequence[BaseNeed],
    before_ms: int,
) -> list[int]:
    """Return the segments of a timeline that may go. ``numbers`` says of each its store time. Pure."""
    ((anchor, floor),) = floors.items()
    if timeline > anchor:
        return []
    kept = [(each.first, each.last) for each in needs if each.timeline == timeline]
    below = floor if timeline == anchor else _find_floor_of_branch(numbers, timeline, anchor, floor, needs, before_ms)
    return sorted(
        number
        for number, time_ms in numbers.items()
        if (below is None or number < below)
        and time_ms < before_ms
        and not any(first <= number <= last for first, last in kept)
    )


def _find_floor_of_branch(
    numbers: Mapping[int, int], timeline: int, anchor: int, floor: int, needs: Sequence[BaseNeed], before_ms: int
) -> int | None:
    """Return the floor of an earlier timeline than the base's; ``None`` for one that ended before that base.

    One that was written on is a branch of its own: a standby was promoted by mistake, and the window is of the other.
    """
    stood_ms = min((each.whole_ms for each in needs if (each.timeline, each.first) == (anchor, floor)), default=0)
    if max(numbers.values(), default=0) <= stood_ms:
        return None
    own = [each for each in needs if each.timeline == timeline and each.is_listed and each.whole_ms <= before_ms]
    return max(own, key=lambda each: each.whole_ms).first if own else 0


def plan_wal(vault: Vault, system_id: int, window_ms: int) -> WalPlan:
    """Decide what may go of a cluster's log. Deletes nothing. Raises ``RoleTooSmall`` for a writer, ``StoreError``."""
    vault.credentials.require_keeper()
    now_ms = read_store_time(vault)
    before_ms = min([now_ms - window_ms, *(each - _ONE_DAY_MS for each in _find_open_sessions(vault))])
    streams = list_streams(vault, prefix=f"{PREFIX}{system_id}/")  # before the records: what those need is listed
    needs = [each for each in read_needs(vault) if each.system_id == system_id]
    floors = find_floors(needs, now_ms - window_ms)
    if floors is None:
        return WalPlan(system_id=system_id, reason="no base is older than the window")
    doomed: list[Doomed] = []
    whole: set[str] = set()
    for listed in streams:
        parsed = parse_stream(listed.stream)
        if parsed is None or parsed[1] is None:
            continue
        timeline = parsed[1]
        names, segment_bytes = find_numbers(vault, listed, timeline)
        whole.update(segment_name(timeline, number, segment_bytes) for number in names)
        times = {number: listed.items[name].modified_ms for number, name in names.items()}
        for number in choose_doomed(times, timeline, floors=floors, needs=needs, before_ms=before_ms):
            doomed.append(Doomed(name=names[number], size=listed.items[names[number]].size))
    doomed += _find_old_tails(vault, system_id, whole, now_ms - _ONE_HOUR_MS)
    return WalPlan(system_id=system_id, doomed=tuple(doomed))


def carry_out(vault: Vault, plan: WalPlan) -> int:
    """Delete what a plan names; return how many objects. May be repeated. Raises ``StoreError``."""
    vault.credentials.require_keeper()
    for each in plan.doomed:
        vault.store.delete(each.name)
    return len(plan.doomed)


def _find_open_sessions(vault: Vault) -> list[int]:
    """Return when each session began that may still commit: it may need what came since then."""
    taken = {info.name for info in vault.store.list_objects("snapshots/")}
    return [
        session.journal[0].store_time_ms
        for session in list_sessions(vault.store)
        if session.record_name not in taken
        and not read_session_facts(vault.store, session, vault.vault_id, vault.roster).is_done
    ]


def _find_old_tails(vault: Vault, system_id: int, whole: Container[str], before_ms: int) -> list[Doomed]:
    """Return pieces of segments that have been there as a whole for some time."""
    return [
        Doomed(name=name, size=info.size)
        for listed in list_streams(vault, prefix=f"{TAIL_PREFIX}{system_id}/")
        if listed.stream.rpartition("/")[2] in whole
        for name, info in listed.items.items()
        if info.modified_ms < before_ms
    ]
