"""The evidence of a drill: a document for machines, and the same for the ledger in short."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from rebond.operations.drills.outcomes import Check, DrillOutcome, Verdict
from rebond.operations.snapshots import time_of
from rebond.sources.postgres.wal_names import format_lsn
from rebond.stack.objectives.promises import DrillJudgement, Promise
from rebond.units import format_iso

if TYPE_CHECKING:  # of some scenarios only
    from rebond.operations.physical.commits import FoundCommit
    from rebond.sources.postgres_physical.wal_records import Mark
    from rebond.stack.drills.exposed_secrets import ExposedSecret

FORMAT = 1


class SearchStep(Struct, frozen=True, kw_only=True):
    """One snapshot that was asked while the last good one was looked for."""

    snapshot: str
    moment_ms: int
    is_good: bool


class LogSearch(Struct, frozen=True, kw_only=True):
    """How the transaction that spoilt a database was looked for in its log, which took ``seconds``."""

    component: str
    found: "FoundCommit"
    seconds: float


class ComponentChanges(Struct, frozen=True, kw_only=True):
    """What is different in a component of the newest snapshot: how many paths, and the first of them."""

    name: str
    added: int
    removed: int
    changed: int
    paths: tuple[str, ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """What a drill found, judged by what is promised. ``stack`` is the stack's name.

    After a breach, ``secrets`` are those that have to be changed and ``changes`` what came since; ``search`` is how
    the last good snapshot was found, which took ``search_seconds``, ``log_search`` how the moment behind it was.
    ``language`` is that of the stack's reports; ``is_exercise`` says that people did it, whose time it is.
    """

    outcome: DrillOutcome
    judgement: DrillJudgement
    stack: str
    scenario: str = ""
    is_cut_off: bool | None = None
    secrets: tuple["ExposedSecret", ...] = ()
    changes: tuple[ComponentChanges, ...] = ()
    search: tuple[SearchStep, ...] = ()
    search_seconds: float = 0.0
    log_search: LogSearch | None = None
    language: str | None = None
    is_exercise: bool = False

    @property
    def is_good(self) -> bool:
        """Whether everything was proved, and every promise held."""
        return self.outcome.verdict is Verdict.PASS and not self.judgement.missed


def describe_evidence(evidence: Evidence, say_check: Callable[[Check], tuple[str, str]]) -> dict[str, object]:
    """Return the documented shape; ``say_check`` returns message and hint in the reader's language."""
    outcome, judgement = evidence.outcome, evidence.judgement
    return {
        "format": FORMAT,
        "ok": evidence.is_good,
        "verdict": outcome.verdict.value,
        "rto_seconds": round(outcome.rto_seconds, 3),
        "rpo_seconds": _round(judgement.rpo.measured_seconds),
        "rto_objective": judgement.rto.promised_seconds,
        "rpo_objective": judgement.rpo.promised_seconds,
        "missed": [describe_promise(each) for each in judgement.missed],
        "stack": evidence.stack,
        "scenario": evidence.scenario or None,
        "sample": outcome.is_sample,
        "exercise": evidence.is_exercise,
        "snapshot": outcome.record.snapshot.hex(),
        "moment": format_iso(time_of(outcome.record)),
        "host": outcome.record.catalog.host,
        "class": outcome.record.catalog.class_,
        "began": format_iso(outcome.began_ms),
        "seconds": round(outcome.seconds, 3),
        "question_seconds": round(outcome.question_seconds, 3),
        "network": None if evidence.is_cut_off is None else ("none" if evidence.is_cut_off else "open"),
        "phases": {name: round(seconds, 3) for name, seconds in outcome.phases.items()},
        "components": _describe_components(evidence),
        "checks": [_describe_check(each, say_check) for each in outcome.checks],
        **_describe_scenario(evidence),
    }


def _describe_scenario(evidence: Evidence) -> dict[str, object]:
    """Return what only some scenarios find."""
    found: dict[str, object] = {}
    if evidence.scenario == "security-breach":
        found["secrets"] = [
            {"name": each.name, "kept_in": each.kept_in, "used_in": list(each.used_in)} for each in evidence.secrets
        ]
        found["changes"] = [
            {
                "component": each.name,
                "added": each.added,
                "removed": each.removed,
                "changed": each.changed,
                "paths": list(each.paths),
            }
            for each in evidence.changes
        ]
    if evidence.search:
        found["search"] = [
            {"snapshot": each.snapshot, "moment": format_iso(each.moment_ms), "good": each.is_good}
            for each in evidence.search
        ]
        found["search_seconds"] = round(evidence.search_seconds, 3)
        found["log_search"] = _describe_log_search(evidence.log_search)
    return found


def _describe_log_search(search: LogSearch | None) -> dict[str, object] | None:
    if search is None:
        return None
    found = search.found
    return {
        "component": search.component,
        "last_good": _describe_commit(found.last_good),
        "first_bad": _describe_commit(found.first_bad),
        "complete": not found.is_cut,
        "steps": [{**(_describe_commit(each.commit) or {}), "good": each.is_good} for each in found.probes],
        "seconds": round(search.seconds, 3),
    }


def _describe_commit(commit: "Mark | None") -> dict[str, object] | None:
    if commit is None:
        return None
    return {"lsn": format_lsn(commit.lsn), "time": format_iso(commit.time_us // 1000), "xid": commit.xid}


def describe_for_ledger(evidence: Evidence, run: str, files: Mapping[str, str]) -> dict[str, object]:
    """Return the facts of the ledger's line. ``files`` are the evidence files with their SHA-256."""
    outcome, judgement = evidence.outcome, evidence.judgement
    wrong = [each for each in outcome.checks if each.answer.value != "pass"]
    return {
        "drill": run,
        "stack": evidence.stack,
        "snapshot": outcome.record.snapshot.hex(),
        "verdict": outcome.verdict.value,
        "scenario": evidence.scenario,
        "sample": outcome.is_sample,
        "exercise": evidence.is_exercise,
        "class": outcome.record.catalog.class_,
        "rto_seconds": round(outcome.rto_seconds, 3),
        "rpo_seconds": _round(judgement.rpo.measured_seconds),
        "rto_objective": judgement.rto.promised_seconds,
        "rpo_objective": judgement.rpo.promised_seconds,
        "missed": [f"{each.measure}:{each.subject}" for each in judgement.missed],
        "components": _describe_components(evidence),
        "question_seconds": round(outcome.question_seconds, 3),
        "answers": len(outcome.checks),
        "wrong": [{"code": each.code, "subject": each.subject, "answer": each.answer.value} for each in wrong[:50]],
        "evidence": dict(files),
    }


def describe_promise(promise: Promise) -> dict[str, object]:
    """Return one promise for machines."""
    return {
        "subject": promise.subject,
        "measure": promise.measure.value,
        "promised_seconds": promise.promised_seconds,
        "measured_seconds": _round(promise.measured_seconds),
    }


def _describe_components(evidence: Evidence) -> list[dict[str, object]]:
    promised = {(each.subject, each.measure.value): each.promised_seconds for each in evidence.judgement.promises}
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "files": each.files,
            "bytes": each.bytes,
            "seconds": round(each.seconds, 3),
            "phases": {name: round(seconds, 3) for name, seconds in each.phases.items()},
            "age_seconds": None if each.age_seconds < 0 else round(each.age_seconds, 3),
            "rto_objective": promised.get((each.name, "rto")),
            "rpo_objective": promised.get((each.name, "rpo")),
        }
        for each in evidence.outcome.components
    ]


def _describe_check(check: Check, say_check: Callable[[Check], tuple[str, str]]) -> dict[str, object]:
    message, hint = say_check(check)
    return {
        "code": check.code,
        "subject": check.subject,
        "answer": check.answer.value,
        "message": message,
        "hint": hint,
        "seconds": round(check.seconds, 3),
    }


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
