"""The verb ``restore --into`` for databases: load what a snapshot holds into a server."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_target

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.errors import RebondError, UnknownName, UsageError
from rebond.findings import Finding
from rebond.operations.saved_databases import SharedSegments, list_databases
from rebond.progress import Advance, Observer
from rebond.sources.postgres.left_out import list_left_out, tell_left_out
from rebond.sources.postgres.part_load import LoadedPart, load_part, plan_part
from rebond.sources.postgres.pointing import list_pointing, tell_pointing
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.target import DatabaseTarget
from rebond.sources.postgres.whole_load import (
    LoadedDatabase,
    LoadPlan,
    LoadWish,
    Report,
    foresee_load,
    load_whole,
    plan_load,
)
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_REPORT_EVERY_SECONDS = 0.1


class DatabaseWish(Struct, frozen=True, kw_only=True):
    """What is to be loaded and how. Without ``tables`` and ``schemas`` it is everything.

    ``renames`` gives databases, or tables as ``schema.table``, another name. ``may_replace`` lets a whole database
    take the place of one that is there; that one is kept under another name. With ``makes_all_roles`` the server gets
    the roles that own nothing too. ``counts_objects`` says that what was saved knows how many large objects there were.
    """

    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
    keeps_owner: bool = True
    jobs: int = 2
    may_replace: bool = False
    makes_all_roles: bool = False
    dry_run: bool = False
    counts_objects: bool = True


class DatabaseOutcome(Struct, frozen=True, kw_only=True):
    """What was loaded. With ``dry_run`` it is what would be: then ``loaded`` and ``parts`` are empty."""

    planned: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    loaded: tuple[LoadedDatabase, ...] = ()
    parts: tuple[LoadedPart, ...] = ()
    rows: int = 0
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()


def restore_database(
    vault: Vault,
    record: SnapshotRecord,
    component: str,
    target: DatabaseTarget,
    wish: DatabaseWish,
    observer: Observer,
) -> DatabaseOutcome:
    """Load a component into a server: whole databases beside and swapped in, tables in one transaction.

    Raises ``RestoreError`` and its kin, ``UnknownName``, ``UsageError`` and ``VaultError``; whatever is raised, nothing
    half-loaded is left, and what was there is as it was.
    """
    began = time.monotonic()
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        observer.noticed(finding)

    with SnapshotReader(vault, record) as reader, SharedSegments(reader, workers=wish.jobs) as segments:
        if not (wish.tables or wish.schemas):
            reader.expect_many_finds()
        databases = list_databases(reader, segments, component)
        advance = Pace(observer)
        if wish.tables or wish.schemas:
            outcome = _load_parts(component, databases, target, wish, report, advance)
        else:
            outcome = _load_databases(databases, target, wish, report, advance, now_ms=vault.clock.now_ms())
    return replace(outcome, seconds=time.monotonic() - began, findings=tuple(findings))


def foresee_database(
    reader: SnapshotReader, component: str, target: DatabaseTarget, wish: DatabaseWish
) -> list[RebondError | Finding]:
    """Return why ``restore_database`` would fail, or may, as far as can be asked; nothing is changed.

    Raises ``RestoreError`` where the server cannot be asked, and ``VaultError``.
    """
    found: list[RebondError | Finding] = []
    for each in read_saved(reader, component):
        name = wish.renames.get(each.name) or target.database or each.name
        obstacles, doubts = foresee_load(each, replace_target(target, database=name), _load_wish(wish))
        found += [*obstacles, *doubts]
    return found


def read_saved(reader: SnapshotReader, component: str) -> list[SavedDatabase]:
    """Return what a snapshot says of the databases of a component: tables with their rows, versions, extensions.

    Their files may be read as long as ``reader`` is open. Raises as ``list_databases`` does.
    """
    return list_databases(reader, SharedSegments(reader, workers=1), component)


def _load_databases(
    databases: Sequence[SavedDatabase],
    target: DatabaseTarget,
    wish: DatabaseWish,
    report: Report,
    advance: "Pace",
    *,
    now_ms: int,
) -> DatabaseOutcome:
    """Plan all of them before the first is loaded."""
    known = {each.name for each in databases}
    unknown = [old for old in wish.renames if old not in known]
    if unknown:
        raise UnknownName(
            "There is no database {name} in what was saved.",
            hint="There are: {known}. A table is renamed with --table besides.",
            name=unknown[0],
            known=", ".join(sorted(known)),
        )
    if target.database and len(databases) > 1:
        raise UsageError(
            "The component holds {count} databases, and the address names one.",
            hint="Leave the database out of the address: each keeps its name, or gets another with --rename OLD=NEW.",
            count=len(databases),
        )
    load = _load_wish(wish)
    plans: list[LoadPlan] = []
    for each in databases:
        name = wish.renames.get(each.name) or target.database or each.name
        plans.append(plan_load(each, replace_target(target, database=name), load, now_ms=now_ms))
    rows = sum(each.rows for each in databases)
    if wish.dry_run:
        return DatabaseOutcome(planned=tuple(each.name for each in plans), rows=rows)
    loaded: list[LoadedDatabase] = []
    for each, plan in zip(databases, plans, strict=True):
        made_roles = [role for one in loaded for role in one.new_roles]
        loaded.append(load_whole(each, plan.after(made_roles), load, report=report, advance=advance))
    return DatabaseOutcome(planned=tuple(each.name for each in plans), loaded=tuple(loaded), rows=rows)


def _load_wish(wish: DatabaseWish) -> LoadWish:
    return LoadWish(
        keeps_owner=wish.keeps_owner, jobs=wish.jobs, may_replace=wish.may_replace, makes_all_roles=wish.makes_all_roles
    )


def _load_parts(
    component: str,
    databases: Sequence[SavedDatabase],
    target: DatabaseTarget,
    wish: DatabaseWish,
    report: Report,
    advance: "Pace",
) -> DatabaseOutcome:
    if len(databases) > 1:
        databases = [each for each in databases if each.name == target.database]
    if not databases:
        raise UsageError(
            "The component holds several databases; which one has the table?",
            hint="Name it in the address: postgresql://USER@HOST/DATABASE.",
        )
    saved = databases[0]
    target = replace_target(target, database=target.database or saved.name)
    plan = plan_part(
        saved,
        target,
        tables=wish.tables,
        schemas=wish.schemas,
        renames=wish.renames,
        keeps_owner=wish.keeps_owner,
    )
    names = tuple(each.into for each in plan.tables)
    columns = list_pointing(saved, {each.table.shown for each in plan.tables}, is_counted=wish.counts_objects)
    without = tell_left_out(component, list_left_out(saved, wish.schemas))
    for finding in (*tell_pointing(component, columns, is_elsewhere=True), *without):
        report(finding)
    if wish.dry_run:
        return DatabaseOutcome(planned=names, tables=names, rows=plan.rows)
    part = load_part(saved, plan, report=report, advance=advance)
    return DatabaseOutcome(planned=names, tables=names, parts=(part,), rows=part.rows)


class Pace:
    """Passes on how far a load is, ten times a second at most."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._next = 0.0

    def __call__(self, subject: str, tables: int, size_bytes: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_EVERY_SECONDS
            self._observer.advanced(Advance(phase="restore", subject=subject, files=tables, bytes=size_bytes))
