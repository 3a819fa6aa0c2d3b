"""Loading a whole database: beside whatever is there, counted, and only then swapped in."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.definitions import Definitions
from rebond.sources.postgres.derived import fill_views, gather_statistics
from rebond.sources.postgres.feeding import ScriptGuard, run_statements
from rebond.sources.postgres.jobs import run_side_by_side
from rebond.sources.postgres.key_triggers import list_turns, tell_they_act
from rebond.sources.postgres.load_obstacles import (
    list_doubts,
    list_of_place,
    list_of_policies,
    list_of_roles,
    list_of_server,
)
from rebond.sources.postgres.making import (
    create_database,
    drop_database,
    drop_leftovers,
    list_settings,
    mark_half_loaded,
    name_aside,
    name_new,
    swap_in,
)
from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.raw_text import RAW
from rebond.sources.postgres.roles import Roles, drop_roles, list_needed, read_roles
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.side_by_side import load_rows
from rebond.sources.postgres.target import DatabaseTarget, Server, choose_maintenance, describe_server, is_empty

_NO_RIGHT = "42501"
_SETTING = re.compile(r"ALTER (?:DATABASE|ROLE) .* SET ", re.DOTALL)
Report = Callable[[Finding], None]
Advance = Callable[[str, int, int], None]  # what is being done, tables done, bytes handed over


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWish:
    """How a database is to be loaded. ``may_replace`` lets it take the place of one that is there.

    With ``makes_all_roles`` roles that own nothing, and were given nothing, are made too: who logs in may be one.
    """

    keeps_owner: bool = True
    jobs: int = 2
    may_replace: bool = False
    makes_all_roles: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What will be done: every refusal that can be known came before. ``aside`` is empty where nothing is replaced.

    ``joined`` are memberships of new roles in groups of which the server had one of that name before.
    """

    target: DatabaseTarget
    server: Server
    name: str
    new: str
    aside: str
    drops_aside: bool
    definitions: Definitions
    new_roles: tuple[str, ...]
    roles: Roles
    joined: tuple[tuple[str, str], ...] = ()
    notes: tuple[Finding, ...] = ()

    def after(self, made_roles: Sequence[str]) -> "LoadPlan":
        """Return the same plan for when another one has made roles: several databases may need the same ones."""
        left = tuple(each for each in self.new_roles if each not in made_roles)
        server = msgspec.structs.replace(self.server, roles=(*self.server.roles, *made_roles))
        joined = tuple(each for each in self.joined if each[1] not in made_roles)
        return replace(self, new_roles=left, server=server, joined=joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDatabase:
    """What was loaded. ``kept_aside`` is the database that was there before; empty for none."""

    name: str
    tables: int
    rows: int
    seconds: float
    kept_aside: str = ""
    new_roles: tuple[str, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)


def plan_load(saved: SavedDatabase, target: DatabaseTarget, wish: LoadWish, *, now_ms: int) -> LoadPlan:
    """Look at everything that can be known before; nothing is changed. Raises ``RestoreError``."""
    plan, obstacles = _look(saved, target, wish, now_ms)
    for each in obstacles:
        raise each
    return plan


def foresee_load(
    saved: SavedDatabase, target: DatabaseTarget, wish: LoadWish
) -> tuple[list[RestoreError], list[Finding]]:
    """Return all that a load would fail by, and what it may fail by; nothing is changed. Raises ``RestoreError``."""
    plan, obstacles = _look(saved, target, wish, now_ms=0)
    return obstacles, list(list_doubts(saved, plan.definitions, plan.server))


def _look(
    saved: SavedDatabase, target: DatabaseTarget, wish: LoadWish, now_ms: int
) -> tuple[LoadPlan, list[RestoreError]]:
    server, target = describe_server(target)
    name = target.database or saved.name
    target = DatabaseTarget(access=target.access, database=name)
    obstacles = list(list_of_server(saved, server, str(target.access.server)))
    exists = name in server.databases
    was_empty = exists and is_empty(target.access, name)
    if exists:
        may_replace = was_empty or wish.may_replace
        obstacles += list_of_place(target, server, may_replace=may_replace, keeps_owner=wish.keeps_owner)
    definitions = Definitions.read(saved, server, keeps_owner=wish.keeps_owner)
    roles = read_roles(saved.globals_script)
    needed = list_needed(
        definitions.items, (saved.manifest.owner,) if wish.keeps_owner else (), with_owners=wish.keeps_owner
    )
    if wish.makes_all_roles and server.may_create_roles:
        needed |= set(roles.made_by)
    missing = sorted((needed & set(roles.made_by)) - set(server.roles)) if wish.keeps_owner else []
    if wish.keeps_owner:
        obstacles += list_of_roles(saved, definitions.owners | {saved.manifest.owner}, missing, server)
    else:
        obstacles += list_of_policies(saved, definitions.items, roles.made_by, server)
    is_turned_again = saved.manifest.turned and server.is_superuser
    plan = LoadPlan(
        target=target,
        server=server,
        name=name,
        new=name_new(name),
        aside=name_aside(name, now_ms) if exists else "",
        drops_aside=was_empty,
        definitions=definitions,
        new_roles=tuple(missing),
        roles=roles,
        joined=tuple(roles.list_joined(missing, server.roles)),
        notes=(*definitions.notes, *tell_they_act(saved.name, () if is_turned_again else definitions.turned)),
    )
    return plan, obstacles


def load_whole(
    saved: SavedDatabase, plan: LoadPlan, wish: LoadWish, *, report: Report, advance: Advance
) -> LoadedDatabase:
    """Carry out a plan. On any error what was made is dropped again, and what was there is as it was.

    Raises ``RestoreError`` and ``VaultError``.
    """
    began = time.monotonic()
    access, maintenance = plan.target.access, choose_maintenance(plan.target)
    for each in plan.notes:
        report(each)
    for left in drop_leftovers(access, maintenance, plan.name):
        report(_leftover_dropped(left))
    try:
        if not create_database(access, maintenance, plan.new, saved.manifest):
            report(_other_locale(saved))
        with mark_half_loaded(access, plan.new):
            # Names that are no UTF-8 can only be said where the encoding is that of the database itself.
            shared = plan.new if saved.manifest.encoding == RAW else maintenance
            _make_roles(plan, shared, report)
            if wish.keeps_owner and not plan.server.is_superuser:
                _give_away(plan, maintenance, saved.manifest.owner)
            phases = _fill(saved, plan, wish, report, advance)
            roles = [*plan.server.roles, *plan.new_roles]
            settings = list_settings(saved.manifest, plan.new, roles, keeps_owner=wish.keeps_owner)
            _apply(plan, shared, list(settings), report)
        swap_in(access, maintenance, new=plan.new, name=plan.name, aside=plan.aside)
    except BaseException:
        _take_away(plan, maintenance, report)
        raise
    for group, member in plan.joined:
        report(_joined(group, member))
    kept = plan.aside
    if plan.drops_aside and is_empty(access, plan.aside):
        drop_database(access, maintenance, plan.aside)
        kept = ""
    return LoadedDatabase(
        name=plan.name,
        tables=len(saved.tables),
        rows=saved.rows,
        seconds=time.monotonic() - began,
        kept_aside=kept,
        new_roles=plan.new_roles,
        phases=phases,
    )


def _fill(saved: SavedDatabase, plan: LoadPlan, wish: LoadWish, report: Report, advance: Advance) -> dict[str, float]:
    """Load everything into the new database; return how long each part took."""
    access, definitions = plan.target.access, plan.definitions
    guard = ScriptGuard(access)
    phases: dict[str, float] = {}
    began = time.monotonic()

    def end_phase(name: str) -> None:
        nonlocal began
        phases[name] = round(time.monotonic() - began, 3)
        began = time.monotonic()

    advance("pre-data.sql", 0, 0)
    run_statements(access, plan.new, guard.wrap(definitions.list_before()))
    end_phase("schema")
    load_rows(saved, access, plan.new, guard, jobs=wish.jobs, advance=advance)
    end_phase("rows")
    if saved.files.has("large-objects.sql"):
        advance("large-objects.sql", len(saved.tables), 0)
        run_statements(access, plan.new, definitions.list_large_objects(saved, guard))
    if saved.files.has("sequences.sql"):
        run_statements(access, plan.new, guard.wrap([saved.files.read("sequences.sql")]))
    advance("post-data.sql", len(saved.tables), 0)
    for stage in definitions.list_stages():
        run_side_by_side(access, plan.new, stage, guard, jobs=wish.jobs)
    run_statements(access, plan.new, guard.wrap(definitions.list_after()))
    if plan.server.is_superuser:
        run_statements(access, plan.new, guard.wrap(list_turns(saved.manifest.turned)))
    for each in fill_views(access, plan.new, definitions.list_views(), guard, shown=plan.name):
        report(each)
    end_phase("indexes")
    for each in gather_statistics(access, plan.new, shown=plan.name, jobs=wish.jobs):
        report(each)
    end_phase("statistics")
    return phases


def _make_roles(plan: LoadPlan, maintenance: str, report: Report) -> None:
    if not plan.new_roles:
        return
    guard = ScriptGuard(plan.target.access)
    statements = [b"BEGIN;", *plan.roles.make(plan.new_roles, plan.server.roles), b"COMMIT;"]
    run_statements(plan.target.access, maintenance, guard.wrap(statements))
    for each in plan.roles.list_rights(plan.new_roles):
        try:
            run_statements(plan.target.access, maintenance, guard.wrap([each]))
        except RestoreError as error:
            report(_right_missing(each, error))


def _give_away(plan: LoadPlan, maintenance: str, owner: str) -> None:
    """Let a database belong to its owner while it is loaded: no other may be given a table in its schema public."""
    if owner in plan.server.roles and owner != plan.server.user:
        statement = f"ALTER DATABASE {quote_name(plan.new)} OWNER TO {quote_name(owner)};"
        run_statements(plan.target.access, maintenance, [statement])


def _apply(plan: LoadPlan, maintenance: str, statements: list[str], report: Report) -> None:
    """Give the new database its settings. One that this user may not make is told, and hours of loading stay."""
    access = plan.target.access
    try:
        run_statements(access, maintenance, statements)
        return
    except RestoreError as error:
        if _NO_RIGHT not in str(error.values.get("words")):
            raise
    for each in statements:
        try:
            run_statements(access, maintenance, [each])
        except RestoreError as error:
            if _NO_RIGHT not in str(error.values.get("words")) or not _SETTING.match(each):
                raise
            report(_setting_missing(plan, each))


def _take_away(plan: LoadPlan, maintenance: str, report: Report) -> None:
    """Drop what was made; an error here must not hide the one that led to it."""
    access = plan.target.access
    try:
        drop_database(access, maintenance, plan.new)
        if plan.new_roles:
            run_statements(access, maintenance, drop_roles(plan.new_roles))
    except RebondError as error:
        report(
            Finding(
                code="load-left-behind",
                severity=Severity.WARNING,
                subject=plan.new,
                template="The half-loaded database {new} could not be dropped: {reason}",
                hint_template='Drop it when the server answers again: DROP DATABASE "{new}" WITH (FORCE);',
                values={"new": plan.new, "reason": error},
            )
        )


def _setting_missing(plan: LoadPlan, statement: str) -> Finding:
    written = statement.replace(quote_name(plan.new), quote_name(plan.name))
    return Finding(
        code="setting-missing",
        severity=Severity.WARNING,
        subject=plan.name,
        template="{database} lacks a setting that {user} may not make.",
        hint_template="Let a superuser run: {statement}",
        values={"database": plan.name, "user": plan.server.user, "statement": written},
    )


def _right_missing(statement: bytes, error: RestoreError) -> Finding:
    shown = statement.decode(errors="replace").strip()
    return Finding(
        code="role-right-missing",
        severity=Severity.WARNING,
        subject=shown,
        template="A right of a new role could not be given: {reason}",
        hint_template="Let a superuser run: {statement}",
        values={"reason": error, "statement": shown},
    )


def _joined(group: str, member: str) -> Finding:
    return Finding(
        code="role-joins-another",
        severity=Severity.NOTE,
        subject=member,
        template="The new role {member} joined {group}, which was on this server before, and may do what that one may.",
        hint_template="If that is another {group} than the one that was saved: {statement}",
        values={
            "member": member,
            "group": group,
            "statement": f"REVOKE {quote_name(group)} FROM {quote_name(member)};",
        },
    )


def _leftover_dropped(name: str) -> Finding:
    return Finding(
        code="load-leftover-dropped",
        severity=Severity.NOTE,
        subject=name,
        template="{database} was left half-loaded by a restore that was killed; it is dropped now.",
        values={"database": name},
    )


def _other_locale(saved: SavedDatabase) -> Finding:
    return Finding(
        code="other-locale",
        severity=Severity.WARNING,
        subject=saved.name,
        template="The locale {locale} of {database} is not there: words may be sorted in another order.",
        hint_template="Install that locale on the server, then restore again, if the order matters.",
        values={"locale": saved.manifest.collate, "database": saved.name},
    )
