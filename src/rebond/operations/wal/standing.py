"""How a component's write-ahead log stands: what the vault has, what the server says, and what is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from rebond.findings import Finding
from rebond.operations.wal.coverage import Coverage
from rebond.operations.wal.holes import Hole, LogOnServer, Whereabouts, name_hole
from rebond.operations.wal.ledger import WalNotes
from rebond.operations.wal.standing_findings import (
    GAP,
    GAP_BETWEEN,
    NO_BASE,
    say_archiver_fails,
    say_behind,
    say_failing,
    say_foreign,
    say_gap,
    say_history_proven,
    say_late,
    say_no_base,
    say_no_history,
    say_no_slot,
    say_not_received,
    say_nothing_yet,
    say_setting,
    say_silent,
    say_slot_behind,
    say_slot_lost,
    say_slot_nearly_lost,
    say_waits,
)
from rebond.sources.postgres.wal_facts import Slot, WalFacts
from rebond.sources.postgres.wal_names import (
    Switch,
    format_lsn,
    history_name,
    is_segment,
    parse_lsn,
    parse_segment_name,
    segment_name,
)

ARCHIVING = "archive-command"  # the way on which a server brings its log by itself
_LATE_SECONDS = 300.0  # a file that waits so long does not merely wait its turn
_LATE_SEGMENTS = 2  # one is being written, one is on its way
_LEAST_SAFE_SHARE = 0.25  # of what a slot may hold back


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One component. ``facts`` is ``None`` where the server was not reached, ``coverage`` where nothing ever came.

    ``tail_lsn`` is how far the pieces of the segment reach that is not whole yet; 0 where there are none. ``waits`` are
    the holes that the server will fill by itself.
    """

    component: str
    coverage: Coverage | None
    facts: WalFacts | None
    notes: WalNotes
    tail_lsn: int = 0
    waits: tuple[Hole, ...] = ()
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def timeline(self) -> int:
        """The timeline that the server writes, else the newest that is there; 0 for none."""
        if self.facts is not None:
            return self.facts.timeline
        return max(self.coverage.timelines, default=0) if self.coverage is not None else 0

    @property
    def frontier(self) -> int:
        """The position up to which the timeline is saved, from its newest beginning on; 0 for none.

        What came behind a file that still waits on the server does not count yet.
        """
        found = self.coverage.timelines.get(self.timeline) if self.coverage is not None else None
        if found is None or self.coverage is None:
            return 0
        late = [each.numbers[0] for each in self.waits if each.timeline == self.timeline]
        if late:
            return min(late) * self.coverage.segment_bytes
        whole = (found.last + 1) * self.coverage.segment_bytes
        return self.tail_lsn if whole < self.tail_lsn < whole + self.coverage.segment_bytes else whole

    @property
    def newest_ms(self) -> int:
        """When the store took the last whole segment; 0 for never."""
        return max((each.newest_ms for each in self.coverage.timelines.values()), default=0) if self.coverage else 0

    @property
    def behind_bytes(self) -> int | None:
        """How much the server has written that is not saved; ``None`` where nobody can tell."""
        if self.facts is None or not self.facts.position or not self.frontier:
            return None
        return max(0, self.facts.position - self.frontier)

    @property
    def has_gaps(self) -> bool:
        """Whether something is missing in the middle that will not come by itself, as far as anybody knows."""
        return any(each.code == GAP for each in self.findings)

    @property
    def has_no_base(self) -> bool:
        """Whether nothing of what comes now could be restored."""
        return any(each.code == NO_BASE for each in self.findings)


def judge(
    component: str,
    *,
    coverage: Coverage | None,
    facts: WalFacts | None,
    notes: WalNotes,
    since_ms: int,
    way: str,
    now_ms: int = 0,
    tail_lsn: int = 0,
    has_base: bool | None = None,
    noticed: Sequence[Finding] = (),
    ways: Mapping[int, Sequence[Switch]] | None = None,
    tails: Iterable[str] = (),
) -> Standing:
    """Put together what is known of a component, and say what is wrong. ``way`` is how its log comes.

    ``has_base`` says whether a base leads to it, ``noticed`` what was found wrong while asking, ``ways`` where
    timelines come from as far as the vault proves it, ``tails`` of which segments the beginning is there.
    """
    findings = list(noticed)
    waits: tuple[Hole, ...] = ()
    if coverage is None or not coverage.timelines:
        findings.append(say_nothing_yet(component))
    else:
        server = LogOnServer(coverage, facts, archives=way == ARCHIVING, ways=ways, tails=tails)
        holes = server.find_holes(since_ms=since_ms)
        waits = tuple(each for each in holes if each.whereabouts is Whereabouts.WAITS)
        findings += _judge_holes(component, coverage, facts, holes, has_base=has_base)
        findings += _judge_histories(component, coverage, facts, server, ways or {})
    if notes.fault:
        findings.append(say_failing(component, notes))
    if facts is not None:
        findings += judge_server(component, facts, way, notes.slot)
        if coverage is not None and coverage.timelines and str(coverage.system_id) != facts.system_id:
            findings.append(say_foreign(component, facts.system_id, coverage.system_id))
    standing = Standing(
        component=component, coverage=coverage, facts=facts, notes=notes, tail_lsn=tail_lsn, waits=waits
    )
    if has_base is False and not any(each.code == GAP for each in findings):
        findings.append(say_no_base(component, standing.timeline))
    findings += _judge_distance(standing, now_ms)
    return replace(standing, findings=tuple(findings))


def _judge_holes(
    component: str, coverage: Coverage, facts: WalFacts | None, holes: Sequence[Hole], *, has_base: bool | None
) -> list[Finding]:
    """Say what is missing; what merely waits its turn is not.

    What a restored server wrote on its timeline before it archived matters until a new base lies behind it.
    """
    findings = []
    for each in holes:
        gap = name_hole(each, coverage.segment_bytes)
        if each.whereabouts is not Whereabouts.WAITS:
            found = say_gap(component, gap, each.whereabouts)
            if not each.is_between:
                findings.append(found)
            elif not has_base:
                findings.append(msgspec.structs.replace(found, code=GAP_BETWEEN))
        elif _waits_long(facts):
            findings.append(say_late(component, gap))
    return findings


def _judge_histories(
    component: str,
    coverage: Coverage,
    facts: WalFacts | None,
    server: LogOnServer,
    ways: Mapping[int, Sequence[Switch]],
) -> list[Finding]:
    findings = []
    for timeline in coverage.timelines:
        if timeline == 1 or timeline in coverage.histories:
            continue
        if timeline in ways:  # a later one begins with it
            findings.append(say_history_proven(component, timeline))
        elif server.find_history(timeline) is not Whereabouts.WAITS:
            findings.append(say_no_history(component, timeline))
        elif _waits_long(facts):
            findings.append(say_late(component, history_name(timeline)))
    return findings


def _waits_long(facts: WalFacts | None) -> bool:
    waiting = facts.waiting if facts is not None else None
    return waiting is not None and waiting.oldest_age is not None and waiting.oldest_age > _LATE_SECONDS


def _judge_distance(standing: Standing, now_ms: int) -> list[Finding]:
    """Compare the server with the vault itself: that is what tells where an archiver counts no failure."""
    behind, facts = standing.behind_bytes, standing.facts
    if facts is None or behind is None or behind < _LATE_SEGMENTS * facts.segment_bytes:
        return []
    silent_seconds = (now_ms - standing.newest_ms) / 1000
    if silent_seconds < _LATE_SECONDS:
        return []
    return [say_behind(standing.component, behind, silent_seconds)]


def judge_server(component: str, facts: WalFacts, way: str, slot: str = "") -> list[Finding]:
    """Return what a server says that keeps its log from being saved. ``slot`` is the one that was used last here."""
    settings = facts.settings
    findings = []
    if settings.get("wal_level") == "minimal":
        findings.append(say_setting(component, "wal_level", "minimal", "replica"))
    if way == ARCHIVING:
        findings += _judge_archiving(component, facts)
    else:
        findings += _judge_slots(component, facts, slot)
    return findings


def _judge_archiving(component: str, facts: WalFacts) -> list[Finding]:
    settings = facts.settings
    findings = []
    if settings.get("archive_mode") == "off":
        findings.append(say_setting(component, "archive_mode", "off", "on"))
    elif not settings.get("archive_library") and settings.get("archive_command") in {"", "(disabled)", None}:
        findings.append(say_setting(component, "archive_command", "", "rebond-wal"))
    if settings.get("archive_timeout") == "0":
        findings.append(say_setting(component, "archive_timeout", "0", "60s"))
    archiver = facts.archiver
    if archiver.last_failed and (archiver.last_age is None or (archiver.last_failed_age or 0) < archiver.last_age):
        findings.append(say_archiver_fails(component, archiver.last_failed, archiver.failed))
    waiting = facts.waiting
    if waiting is not None:
        if _waits_long(facts):
            findings.append(say_waits(component, waiting.count, waiting.oldest, waiting.oldest_age or 0.0))
    elif _is_silent(facts):
        findings.append(say_silent(component, facts.archiver.last, facts.archiver.last_age or 0.0))
    return findings


def _is_silent(facts: WalFacts) -> bool:
    """Say whether the server went on for some time without archiving, by what it counted: where nobody may look."""
    last = facts.archiver.last
    if not is_segment(last) or (facts.archiver.last_age or 0.0) < _LATE_SECONDS or facts.is_in_recovery:
        return False
    number = parse_segment_name(last, facts.segment_bytes)[1]
    return facts.position // facts.segment_bytes - number > _LATE_SEGMENTS


def _judge_slots(component: str, facts: WalFacts, used: str) -> list[Finding]:
    findings = []
    own = [each for each in facts.slots if each.name == used or each.name.startswith("rebond")]
    if not own:
        findings.append(say_no_slot(component))
    for slot in own:
        held = facts.position - parse_lsn(slot.restart_lsn) if slot.restart_lsn else 0
        if slot.wal_status in {"lost", "unreserved"}:
            findings.append(say_slot_lost(component, slot.name, slot.wal_status))
        elif (name := _find_lacking(facts, slot)) is not None:
            findings.append(say_slot_behind(component, slot.name, name))
        elif not slot.is_active:
            findings.append(say_not_received(component, slot.name, max(0, held)))
        if slot.safe_bytes is not None and slot.safe_bytes < _LEAST_SAFE_SHARE * (slot.safe_bytes + max(0, held)):
            findings.append(say_slot_nearly_lost(component, slot.name, max(0, slot.safe_bytes)))
    if facts.settings.get("max_slot_wal_keep_size") == "-1":
        findings.append(say_setting(component, "max_slot_wal_keep_size", "-1", "20GB"))
    if facts.settings.get("idle_replication_slot_timeout", "0") not in {"0", ""}:
        found = facts.settings["idle_replication_slot_timeout"]
        findings.append(say_setting(component, "idle_replication_slot_timeout", found, "0"))
    return findings


def _find_lacking(facts: WalFacts, slot: Slot) -> str | None:
    """Return the file that a slot nobody uses waits for where the server has it on no timeline; else ``None``."""
    if slot.is_active or not slot.restart_lsn or facts.kept is None:
        return None
    number = parse_lsn(slot.restart_lsn) // facts.segment_bytes
    if number >= facts.position // facts.segment_bytes:  # what is written next may not be there yet
        return None
    name = segment_name(facts.timeline, number, facts.segment_bytes)
    return None if any(each[8:] == name[8:] for each in facts.kept) else name


def describe(standing: Standing, now_ms: int) -> Mapping[str, object]:
    """Return a standing as JSON shows it."""
    coverage, facts, notes = standing.coverage, standing.facts, standing.notes
    return {
        "component": standing.component,
        "system_id": str(coverage.system_id) if coverage else facts.system_id if facts else None,
        "timeline": standing.timeline or None,
        "frontier": format_lsn(standing.frontier) if standing.frontier else None,
        "behind_bytes": standing.behind_bytes,
        "gaps": [each.values["gap"] for each in standing.findings if each.code == GAP],
        "waits": [name_hole(each, coverage.segment_bytes) for each in standing.waits] if coverage else [],
        "timelines": [
            {
                "timeline": each.timeline,
                "ranges": [list(numbers) for numbers in each.ranges],
                "segments": sum(last - first + 1 for first, last in each.ranges),
                "stored_bytes": each.stored_bytes,
                "has_history": each.timeline == 1 or (coverage is not None and each.timeline in coverage.histories),
            }
            for each in (coverage.timelines.values() if coverage else ())
        ],
        "server": None if facts is None else _describe_server(facts),
        "here": {
            "last_archived": notes.last_name or None,
            "last_archived_seconds_ago": round((now_ms - notes.last_ms) / 1000, 1) if notes.last_ms else None,
            "archived": notes.pushed,
            "failed": notes.failed,
            "fault": notes.fault or None,
            "segments_per_second": round(notes.segments_per_second(now_ms), 2),
        },
        "problems": [{"code": each.code, "message": each.message, "hint": each.hint} for each in standing.findings],
    }


def _describe_server(facts: WalFacts) -> Mapping[str, object]:
    return {
        "version": facts.version,
        "lsn": facts.lsn,
        "is_in_recovery": facts.is_in_recovery,
        "archived_count": facts.archiver.archived,
        "failed_count": facts.archiver.failed,
        "waiting": facts.waiting.count if facts.waiting else None,
        "oldest_waiting_seconds": facts.waiting.oldest_age if facts.waiting else None,
        "slots": [
            {
                "name": each.name,
                "active": each.is_active,
                "restart_lsn": each.restart_lsn,
                "wal_status": each.wal_status,
            }
            for each in facts.slots
        ],
    }
