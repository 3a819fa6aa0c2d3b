"""Gathering facts: from the ledger, from an open vault, from the configuration."""

import contextlib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from rebond.config.components import Files, Postgres
from rebond.config.model import Loaded
from rebond.errors import RebondError, SourceUnfit
from rebond.history.drills import DRILLED, list_components, tells_times, tells_times_of_components
from rebond.history.ledger import Ledger
from rebond.history.runs import Result, Run, RunFilter, newest_runs, read_runs
from rebond.operations.snapshots import (
    AHEAD_MS,
    SnapshotFilter,
    SnapshotState,
    is_ahead,
    list_snapshots,
    state_of,
    time_of,
)
from rebond.runbook.facts import (
    READ,
    DrilledPart,
    DrillFacts,
    HistoryFacts,
    Holder,
    Opener,
    Reachable,
    Revision,
    RunFacts,
    Saved,
    SnapshotFacts,
    VaultFacts,
)
from rebond.runbook.putting_back import BESIDE
from rebond.stack.postgres import read_url
from rebond.stack.whereabouts import find_engine, words_of
from rebond.vault.access import Vault
from rebond.vault.key_slots import SlotSummary
from rebond.vault.roster import Roster
from rebond.vault.snapshots import SnapshotRecord

if TYPE_CHECKING:
    from rebond.operations.physical.stretches import Stretch

NOTED_AS = "runbook"  # in the ledger
OF_A_VAULT = ("vault create", "init", "kit")
RUNS_READ = 2000  # the newest; of older ones what a question is about
_SHORT = 8
_SECRET = ("password", "secret")  # ends of the names of options that no page shows
_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]*@")


def gather_history(ledger: Ledger, stack: str, now_ms: int) -> HistoryFacts:
    """Return what the ledger says of a stack's runs: of old ones the newest of each kind and end. Raises ``OSError``.

    However much ran since, a drill of last month and a class of last year are not "never".
    """
    runs: list[RunFacts] = []
    drills: list[DrillFacts] = []
    revisions: list[Revision] = []
    answered: set[tuple[str, str, bool, int]] = set()
    for each in newest_runs(ledger, RunFilter(stack=stack)):
        if each.kind == DRILLED:
            drills.append(_describe_drill(each))
        elif each.kind == NOTED_AS:
            revisions.append(_describe_revision(each))
        elif each.result not in {Result.NOTED, Result.RUNNING} and _is_of(each, stack):
            run = _describe_run(each)
            answers = (run.kind, run.class_name, READ in run.options, run.status)
            if len(runs) < RUNS_READ or answers not in answered:
                runs.append(run)
            answered.add(answers)

    for found in (runs, drills, revisions):
        found.reverse()  # those of one moment stay in the order of their lines

    def believed(each: RunFacts | DrillFacts) -> tuple[bool, int]:
        return each.began_ms <= now_ms + AHEAD_MS, each.began_ms

    return HistoryFacts(
        runs=tuple(sorted(runs, key=believed)),
        drills=tuple(sorted(drills, key=believed)),
        revisions=tuple(sorted(revisions, key=lambda each: each.written_ms)),
    )


def _is_of(run: Run, stack: str) -> bool:
    """Say whether a run is one of a stack; a kit is that of a vault, which no line says whose it is."""
    return run.text("stack") == stack or (not run.text("stack") and run.kind in OF_A_VAULT)


def newest_revision(ledger: Ledger, stack: str) -> Mapping[str, Any]:
    """Return the facts of the newest runbook that was written down; nothing where there is none."""
    found = [each for each in read_runs(ledger, RunFilter(kind=NOTED_AS)) if each.text("stack") == stack]
    return found[-1].facts if found else {}


def gather_vault(
    vault: Vault,
    slots: Sequence[SlotSummary],
    roster: Roster,
    stack: str,
    *,
    now_ms: int,
    stretches: "Iterable[Stretch]" = (),
) -> VaultFacts:
    """Return what an open vault says: who may work in it, what opens it, what it holds of a stack.

    A snapshot that is dated ahead of the clock stands before all others, so that it is the newest of none.
    """
    records = list_snapshots(vault, SnapshotFilter(stack=stack))
    return VaultFacts(
        role=vault.credentials.role.value,
        holders=tuple(
            Holder(id=each.id.hex()[:_SHORT], role=each.role, label=each.label, revoked_ms=each.revoked_at_ms or None)
            for each in roster.members
        ),
        openers=tuple(
            Opener(id=each.id.hex()[:_SHORT], method=each.method, label=each.label, made_ms=each.made_ms)
            for each in slots
            if each.is_trusted
        ),
        snapshots=tuple(
            _describe_snapshot(each) for each in sorted(records, key=lambda each: not is_ahead(each, now_ms))
        ),
        reachable=tuple(
            Reachable(component=each.component, since_ms=each.since_ms, until_ms=each.until_ms)
            for each in stretches
            if each.is_current
        ),
        carries_wheels=any(each.name.endswith(".whl") for each in roster.rescue),
    )


def read_files(loaded: Loaded) -> dict[str, str]:
    """Return the text of the configuration's files by their paths."""
    found: dict[str, str] = {}
    for path in loaded.files:
        full = Path(path).absolute()
        found[str(full)] = full.read_text(encoding="utf-8", errors="replace")
    return found


def show_address(address: str) -> str:
    """Return an address as one would write it, without a password in it."""
    return _PASSWORD.sub(r"\1:***@", address) if "://" in address else os.path.normpath(address)


def find_single_files(loaded: Loaded) -> frozenset[str]:
    """Return the components of files that are one file, as this machine has them now."""
    return frozenset(
        name
        for name, each in loaded.configuration.component.items()
        if isinstance(each, Files) and each.inside is None and each.volume is None and _is_file(each, loaded.root)
    )


def _is_file(component: Files, root: Path) -> bool:
    paths = (component.path,) if component.path else component.paths
    return len(paths) == 1 and os.path.isfile(root / paths[0])


def find_engine_name(loaded: Loaded) -> str:
    """Return the engine of containers that this machine has; ``docker`` where it has none, as most others do."""
    try:
        return find_engine(loaded)
    except SourceUnfit:
        return "docker"


def find_targets(loaded: Loaded) -> dict[str, str]:
    """Return, for each PostgreSQL component of one database, the address of a database beside the live one.

    What its words refer to is looked up; passwords are not. One that cannot be told now is left out.
    """
    found = {}
    for name, component in loaded.configuration.component.items():
        if isinstance(component, Postgres) and not component.databases and component.volume is None:
            with contextlib.suppress(RebondError):
                found[name] = _address_beside(component, loaded)
    return found


def _address_beside(component: Postgres, loaded: Loaded) -> str:
    host, port, user, database, options = read_url(words_of(component.url, loaded))
    user = words_of(component.user, loaded) or user
    database = f"{words_of(component.database, loaded) or database or user}{BESIDE}"
    if component.inside:
        return f"{component.inside.engine}:{component.inside.name}/{database}"
    host, port = words_of(component.host, loaded) or host or "localhost", component.port or port
    owner = f"{quote(user, safe='')}@" if user else ""
    at = f":{port}" if port else ""  # a socket of another port is another server
    asked = {name: text for name, text in options.items() if not name.endswith(_SECRET)}
    if host.startswith(("/", "@")):
        host, asked = "", {"host": host, **asked}
    query = f"?{urlencode(asked, safe='/', quote_via=quote)}" if asked else ""
    return f"postgresql://{owner}{host}{at}/{quote(database, safe='')}{query}"


def _describe_snapshot(record: SnapshotRecord) -> SnapshotFacts:
    return SnapshotFacts(
        id=record.snapshot.hex()[:_SHORT],
        time_ms=time_of(record),
        class_name=record.catalog.class_,
        is_whole=state_of(record) is SnapshotState.WHOLE and not record.catalog.lacks,
        components=tuple(
            Saved(name=each.name, kind=each.kind, files=each.files, bytes=each.bytes)
            for each in record.catalog.components
        ),
    )


def _describe_run(run: Run) -> RunFacts:
    error = run.table("error")
    lost = run.result is Result.NEVER_ENDED
    return RunFacts(
        kind=run.kind,
        class_name=run.text("class"),
        began_ms=run.began_ms,
        seconds=run.figure("seconds") or 0.0,
        status=run.status if run.status is not None else 1,
        bytes=round(run.figure("bytes") or run.figure("checked_bytes") or 0),
        error="never-ended" if lost else str(error.get("code", "")),
        message=str(error.get("message", "")),
        options=tuple(run.texts("options")),
    )


def _describe_drill(run: Run) -> DrillFacts:
    return DrillFacts(
        began_ms=run.began_ms,
        verdict=run.text("verdict"),
        snapshot=run.text("snapshot")[:_SHORT],
        scenario=run.text("scenario"),
        rto_seconds=_number(run.facts.get("rto_seconds")),
        rpo_seconds=_number(run.facts.get("rpo_seconds")),
        parts={
            str(each.get("name", "")): DrilledPart(
                bytes=round(_number(each.get("bytes")) or 0),
                seconds=_sum_of(each.get("phases")),
                lost_seconds=_number(each.get("age_seconds")),
            )
            for each in list_components(run)
        },
        tells_times=tells_times(run),
        tells_components=tells_times_of_components(run),
        is_sample=bool(run.facts.get("sample")),
    )


def _describe_revision(run: Run) -> Revision:
    return Revision(
        written_ms=run.began_ms, user=run.text("user"), program=run.text("program"), reason=run.text("reason")
    )


def _sum_of(phases: object) -> float:
    return sum(_number(each) or 0.0 for each in phases.values()) if isinstance(phases, dict) else 0.0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
