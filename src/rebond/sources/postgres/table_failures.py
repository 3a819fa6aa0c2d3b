"""What became of an exchange of tables that failed: all of them are as they were, and what is to be done."""

import re
from collections.abc import Mapping, Sequence

from rebond.errors import RestoreError
from rebond.sources.postgres.exchanged_tables import Exchange
from rebond.sources.postgres.table_holders import find_holders
from rebond.sources.postgres.table_looks import CHANGED, TableLooks
from rebond.sources.postgres.table_switches import ForeignKey
from rebond.sources.postgres.target import DatabaseTarget

_NO_MATCH, _IN_USE = "23503", "55P03"  # codes: a foreign key is violated, a lock was waited for too long
_VIOLATIONS = ("23502", "23505", "23514", "23P01")  # NOT NULL, unique, a check or the bounds of a partition, exclusion
_OTHER_COLUMNS = re.compile(r'rebond-columns: (?P<columns>.*?)"(?: \||\n|\Z)', re.DOTALL)


def tell_lost(exchange: Exchange, *, is_begun: bool) -> RestoreError:
    """Say that the old rows are gone. ``is_begun`` says that undoing has begun, and can only be ended."""
    values = {"work": exchange.work, "database": exchange.database}
    tables = ", ".join(each.shown for each in exchange.tables)
    if is_begun:
        return RestoreError(
            "The schema {work} of {database}, in which the old rows of {tables} lay, is gone: they cannot be put back.",
            hint="Say there that they are given up, then run the same command again; what is in the tables now stays: "
            "CREATE SCHEMA {work}; COMMENT ON SCHEMA {work} IS 'rebond: taken back';",
            tables=tables,
            **values,
        )
    return RestoreError(
        "The schema {work} of {database}, in which the old rows of {tables} lay, is gone: they cannot be put back.",
        hint="Keep what is there now: rebond restore --accept latest",
        tables=tables,
        **values,
    )


def explain(error: RestoreError, exchange: Exchange, looks: TableLooks, *, is_back: bool) -> RestoreError:
    """Say what became of the tables: all of them are as they were."""
    words = str(error.values.get("words", ""))
    values = {**error.values, "tables": ", ".join(each.shown for each in exchange.tables), "words": words}
    if found := _OTHER_COLUMNS.search(words):
        return _tell_columns({**values, "columns": found["columns"]}, is_back=is_back)
    if CHANGED in words:
        return RestoreError(
            "What acts on {tables}, or points to them, is being changed again and again: triggers, rules or keys.",
            hint="Let the migration end, then run the same command again.",
            **values,
        )
    if _NO_MATCH not in words:
        return _tell_violation(values, is_back=is_back) if is_violation(error) else error
    if is_back:
        return _tell_pointing(values, _find_keys(words, looks.keys))
    return RestoreError(
        "The rows of {tables} do not fit those that other tables of {database} have now: {words}",
        hint="Bring these back too, with --table for each. Or load them beside and take over what you need by SQL: "
        "rebond restore SNAPSHOT COMPONENT --into TARGET --table TABLE --rename TABLE=NEW",
        **values,
    )


def _find_keys(words: str, keys: Sequence[ForeignKey]) -> Sequence[ForeignKey]:
    """Return the keys that a server complained of, in whatever language; all of them where none is named."""
    named = [each for each in keys if f'"{each.name}"' in words and f'"{each.table}"' in words]
    return named or [each for each in keys if not each.is_part]


def _tell_pointing(values: Mapping[str, object], keys: Sequence[ForeignKey]) -> RestoreError:
    return RestoreError(
        "With the old rows of {tables}, rows point to what is not there: {words}",
        hint="Where they were written since the restore, change or delete them, then run the same command again. Where "
        "they pointed to nothing before it too, because triggers were off once, take the key away: {drop} Then run the "
        "same command again, and make the key anew: {make}",
        **values,
        drop=" ".join(each.drop() for each in keys),
        make=" ".join(each.add_unjudged() for each in keys),
    )


def tell_in_use(
    error: RestoreError, target: DatabaseTarget, exchange: Exchange, looks: TableLooks, seconds: int
) -> RestoreError:
    """Say who holds the tables, or those at the other end of their keys."""
    own = {(each.schema, each.name) for each in exchange.tables}
    names = own.union(*(((each.schema, each.table), (each.to_schema, each.to_table)) for each in looks.keys))
    holders = find_holders(target, sorted(names))
    values = {**error.values, "tables": ", ".join(each.shown for each in exchange.tables), "seconds": seconds}
    if not holders:
        return RestoreError(
            "The tables {tables} of {database} are in use, and did not become free in {seconds} s.",
            hint="Stop what uses them (pg_stat_activity and pg_prepared_xacts name it), then run the same command "
            "again.",
            **values,
        )
    return RestoreError(
        "The tables {tables} of {database} are in use, and did not become free in {seconds} s. Who holds them: "
        "{holders}",
        hint="Stop what uses them, or end it there: {ends} Then run the same command again.",
        **values,
        holders=", ".join(each.shown for each in holders),
        ends=" ".join(each.end for each in holders),
    )


def _tell_columns(values: Mapping[str, object], *, is_back: bool) -> RestoreError:
    if is_back:
        return RestoreError(
            "The columns of {tables} were changed since the restore, and the old rows do not fit any more: {columns}",
            hint="Change them back (ALTER TABLE), then run the same command again. Where nothing was undone yet, you "
            "may keep the new version: rebond restore --accept latest",
            **values,
        )
    return RestoreError(
        "The columns of {tables} were changed while the restore was under way: {columns}",
        hint="Run the restore again: it says before anything is stopped whether the rows still fit.",
        **values,
    )


def _tell_violation(values: Mapping[str, object], *, is_back: bool) -> RestoreError:
    if is_back:
        return RestoreError(
            "The old rows of {tables} are not what these tables demand since the restore: {words}",
            hint="Take that demand away (ALTER TABLE … DROP CONSTRAINT), then run the same command again.",
            **values,
        )
    return RestoreError(
        "The rows of {tables} are not what these tables, or those around them, demand by now: {words}",
        hint="Load them beside and take over what you need by SQL: rebond restore SNAPSHOT COMPONENT --into TARGET "
        "--table TABLE --rename TABLE=NEW",
        **values,
    )


def is_violation(error: RestoreError) -> bool:
    """Say whether a row was not what its table demands."""
    return any(each in str(error.values.get("words", "")) for each in _VIOLATIONS)


def was_changed(error: RestoreError) -> bool:
    """Say whether the tables were others under their lock than when they were looked at."""
    return CHANGED in str(error.values.get("words", ""))


def is_in_use(error: RestoreError) -> bool:
    """Say whether a lock was waited for too long."""
    return _IN_USE in str(error.values.get("words", ""))
