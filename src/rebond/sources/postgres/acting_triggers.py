"""Triggers that act on rows which are put into a table that is there: saved rows come back as they were saved."""

from collections.abc import Iterator, Sequence

import msgspec

from rebond.errors import RestoreError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.table_switches import Switch
from rebond.sources.postgres.target import DatabaseTarget, ask

_ON_INSERT = 4  # of "tgtype"
_FIND = """
SELECT pg_catalog.json_build_object('schema', n.nspname, 'table', c.relname, 'name', t.tgname, 'state', t.tgenabled,
  'is_ours', pg_catalog.pg_has_role(c.relowner, 'USAGE'), 'owner', pg_catalog.pg_get_userbyid(c.relowner))
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname::text, c.relname::text) IN ({names}) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
  AND t.tgtype & {on_insert} <> 0
ORDER BY n.nspname, c.relname, t.tgname;
"""


class ActingTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of a table; ``state`` is the letter of the catalogue, ``is_ours`` whether this user owns the table."""

    schema: str
    table: str
    name: str
    state: str
    is_ours: bool
    owner: str

    @property
    def shown(self) -> str:
        """Its whole name as people write it."""
        return f"{self.schema}.{self.table}.{self.name}"

    def turn_off(self) -> str:
        """Return the statement after which it does not act."""
        return self._switch.turn_off(self._sql)

    def turn_on(self) -> str:
        """Return the statement after which it acts as it did."""
        return self._switch.turn_on(self._sql)

    @property
    def _switch(self) -> Switch:
        return Switch(kind="TRIGGER", name=self.name, state=self.state)

    @property
    def _sql(self) -> str:
        return f"{quote_name(self.schema)}.{quote_name(self.table)}"


def find_acting(target: DatabaseTarget, tables: Sequence[tuple[str, str]]) -> tuple[ActingTrigger, ...]:
    """Return the triggers that would act on rows put into tables, by schema and name.

    Raises ``RestoreError`` where there are some that this user may not turn off.
    """
    if not tables:
        return ()
    pairs = ", ".join(f"({quote_text(schema)}, {quote_text(name)})" for schema, name in tables)
    lines = ask(target.access, target.database, _FIND.format(names=pairs, on_insert=_ON_INSERT))
    found = tuple(read_json(each, ActingTrigger) for each in lines)
    for each in found:
        if not each.is_ours:
            raise RestoreError(
                "The trigger {trigger} would change what comes back, or act on it a second time, and only {owner} may "
                "turn it off meanwhile; nothing was changed.",
                hint="Load as {owner} or a superuser: in the address of --into.",
                trigger=each.shown,
                owner=each.owner,
            )
    return found


def list_turned_off(triggers: Sequence[ActingTrigger]) -> Iterator[bytes]:
    """Yield what belongs before the rows of all tables."""
    for each in triggers:
        yield each.turn_off().encode(errors="surrogateescape")


def list_turned_on(triggers: Sequence[ActingTrigger]) -> Iterator[bytes]:
    """Yield what belongs behind them, in the same transaction; keys that wait for its end are judged by then."""
    if triggers:
        yield b"SET CONSTRAINTS ALL IMMEDIATE;"
    for each in triggers:
        yield each.turn_on().encode(errors="surrogateescape")


def tell_turned_off(triggers: Sequence[ActingTrigger]) -> Iterator[Finding]:
    """Yield what is to be known of them: what they do elsewhere was not done."""
    if triggers:
        yield Finding(
            code="triggers-turned-off",
            severity=Severity.NOTE,
            subject=triggers[0].shown,
            template="The rows came back as they were saved: {triggers} did not act on them, and changed nothing "
            "elsewhere.",
            values={"triggers": ", ".join(each.shown for each in triggers)},
        )
