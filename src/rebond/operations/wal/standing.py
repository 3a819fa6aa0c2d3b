"""How a component's write-ahead log stands: what the vault has, what the server says, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebond.findings import Finding, Severity
from rebond.operations.wal.coverage import Coverage
from rebond.operations.wal.ledger import WalNotes
from rebond.sources.postgres.wal_facts import WalFacts
from rebond.sources.postgres.wal_names import format_lsn

GAP = "wal-gap"
_LATE_SECONDS = 300.0  # a file that waits so long does not merely wait its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One component. ``facts`` is ``None`` where the server was not reached, ``coverage`` where nothing ever came."""

    component: str
    coverage: Coverage | None
    facts: WalFacts | None
    notes: WalNotes
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def timeline(self) -> int:
        """The timeline that the server writes, else the newest that is there; 0 for none."""
        if self.facts is not None:
            return self.facts.timeline
        return max(self.coverage.timelines, default=0) if self.coverage is not None else 0

    @property
    def frontier(self) -> int:
        """The position up to which the timeline is saved without a hole, from its newest beginning; 0 for none."""
        found = self.coverage.timelines.get(self.timeline) if self.coverage is not None else None
        if found is None or self.coverage is None:
            return 0
        return (found.last + 1) * self.coverage.segment_bytes

    @property
    def behind_bytes(self) -> int | None:
        """How much the server has written that is not saved; ``None`` where nobody can tell."""
        if self.facts is None or not self.facts.position or not self.frontier:
            return None
        return max(0, self.facts.position - self.frontier)

    @property
    def has_gaps(self) -> bool:
        """Whether something is missing that cannot be got any more, or has not come yet though later files have."""
        return any(each.code == GAP for each in self.findings)


def judge(
    component: str, *, coverage: Coverage | None, facts: WalFacts | None, notes: WalNotes, since_ms: int, way: str
) -> Standing:
    """Put together what is known of a component, and say what is wrong. ``way`` is how its log comes."""
    findings: list[Finding] = []
    if coverage is None or not coverage.timelines:
        findings.append(_nothing_yet(component))
    else:
        findings += [_gap(component, each) for each in coverage.name_holes(since_ms=since_ms)]
        findings += [
            _no_history(component, timeline)
            for timeline in coverage.timelines
            if timeline > 1 and timeline not in coverage.histories
        ]
    if notes.fault:
        findings.append(_failing(component, notes))
    if facts is not None:
        findings += judge_server(component, facts, way)
        if coverage is not None and coverage.timelines and str(coverage.system_id) != facts.system_id:
            findings.append(_foreign(component, facts.system_id, coverage.system_id))
    return Standing(component=component, coverage=coverage, facts=facts, notes=notes, findings=tuple(findings))


def judge_server(component: str, facts: WalFacts, way: str) -> list[Finding]:
    """Return what a server says that keeps its log from being saved."""
    settings = facts.settings
    findings = []
    if settings.get("wal_level") == "minimal":
        findings.append(_setting(component, "wal_level", "minimal", "replica"))
    if way == "archive-command":
        findings += _judge_archiving(component, facts)
    else:
        findings += _judge_slots(component, facts)
    return findings


def _judge_archiving(component: str, facts: WalFacts) -> list[Finding]:
    settings = facts.settings
    findings = []
    if settings.get("archive_mode") == "off":
        findings.append(_setting(component, "archive_mode", "off", "on"))
    elif not settings.get("archive_library") and settings.get("archive_command") in {"", "(disabled)", None}:
        findings.append(_setting(component, "archive_command", "", "rebond-wal"))
    if settings.get("archive_timeout") == "0":
        findings.append(_setting(component, "archive_timeout", "0", "60s"))
    archiver = facts.archiver
    if archiver.last_failed and (archiver.last_age is None or (archiver.last_failed_age or 0) < archiver.last_age):
        findings.append(_archiver_fails(component, archiver.last_failed, archiver.failed))
    waiting = facts.waiting
    if waiting is not None and waiting.oldest_age is not None and waiting.oldest_age > _LATE_SECONDS:
        findings.append(_waits(component, waiting.count, waiting.oldest, waiting.oldest_age))
    return findings


def _judge_slots(component: str, facts: WalFacts) -> list[Finding]:
    findings = []
    for slot in facts.slots:
        if slot.name.startswith("rebond") and slot.wal_status in {"lost", "unreserved"}:
            findings.append(_slot_lost(component, slot.name, slot.wal_status))
    if facts.settings.get("max_slot_wal_keep_size") == "-1":
        findings.append(_setting(component, "max_slot_wal_keep_size", "-1", "20GB"))
    if facts.settings.get("idle_replication_slot_timeout", "0") not in {"0", ""}:
        found = facts.settings["idle_replication_slot_timeout"]
        findings.append(_setting(component, "idle_replication_slot_timeout", found, "0"))
    return findings


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


def _nothing_yet(component: str) -> Finding:
    return Finding(
        code="wal-nothing",
        severity=Severity.WARNING,
        subject=component,
        template="Nothing of the write-ahead log of {component} was ever saved.",
        hint_template="'rebond wal settings' prints the lines for postgresql.conf.",
        values={"component": component},
    )


def _gap(component: str, gap: str) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="The write-ahead log of {component} has a gap: {gap} never came.",
        hint_template="While the server still has them in pg_wal, push them by hand with rebond-wal. Else no moment "
        "in the gap can be reached: save the component now, so that a new base begins behind it.",
        values={"component": component, "gap": gap},
    )


def _no_history(component: str, timeline: int) -> Finding:
    return Finding(
        code=GAP,
        severity=Severity.WARNING,
        subject=component,
        template="Of the write-ahead log of {component} the file {gap} is missing, so nobody can tell where its "
        "timeline comes from.",
        hint_template="The server that made the timeline still has it in pg_wal: push it by hand with rebond-wal.",
        values={"component": component, "gap": f"{timeline:08X}.history"},
    )


def _failing(component: str, notes: WalNotes) -> Finding:
    return Finding(
        code="wal-failing",
        severity=Severity.WARNING,
        subject=component,
        template="The last file of {component} that came, {name}, could not be saved: {reason}",
        hint_template="The server keeps it and asks again. Mend what it says before its disk is full.",
        values={"component": component, "name": notes.fault_name, "reason": notes.fault},
    )


def _foreign(component: str, found: str, own: int) -> Finding:
    return Finding(
        code="wal-foreign",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} is the cluster {found}, and what was saved last is of {own}.",
        hint_template="Look at which server the component names. After pg_upgrade or initdb, run 'rebond wal adopt'.",
        values={"component": component, "found": found, "own": own},
    )


def _setting(component: str, name: str, found: str, wanted: str) -> Finding:
    return Finding(
        code=f"wal-{name.replace('_', '-')}",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} has {name} = '{found}', and it takes {wanted}.",
        hint_template="'rebond wal settings' prints the lines for postgresql.conf.",
        values={"component": component, "name": name, "found": found, "wanted": wanted},
    )


def _archiver_fails(component: str, name: str, count: int) -> Finding:
    return Finding(
        code="wal-archiver-fails",
        severity=Severity.WARNING,
        subject=component,
        template="The server of {component} could not archive {name}; it failed {count} times.",
        hint_template="Its own log says why: rebond-wal writes it there.",
        values={"component": component, "name": name, "count": count},
    )


def _waits(component: str, count: int, oldest: str, seconds: float) -> Finding:
    return Finding(
        code="wal-waits",
        severity=Severity.WARNING,
        subject=component,
        template="{count} files of {component} wait to be archived, {oldest} for {seconds} s.",
        hint_template="The log of the server says why. Its disk fills until this is mended.",
        values={"component": component, "count": count, "oldest": oldest, "seconds": round(seconds)},
    )


def _slot_lost(component: str, slot: str, state: str) -> Finding:
    return Finding(
        code="wal-slot",
        severity=Severity.WARNING,
        subject=component,
        template="The slot {slot} of {component} is {state}: the server does not keep what was not fetched yet.",
        hint_template="Save the component now, so that a new base begins; raise max_slot_wal_keep_size.",
        values={"component": component, "slot": slot, "state": state},
    )
