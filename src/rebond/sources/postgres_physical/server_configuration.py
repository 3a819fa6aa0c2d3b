"""The configuration of a server whose files lie outside its data directory, as Debian puts them."""

from collections.abc import Callable

import msgspec

from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.session import Access
from rebond.sources.postgres_physical.arrived_tree import ArrivedEntries
from rebond.sources.postgres_physical.server_facts import ServerFacts, ask_server

CONFIGURATION, ACCESS_RULES, NAMES = b"postgresql.conf", b"pg_hba.conf", b"pg_ident.conf"
Report = Callable[[Finding], None]
_HEAD = """\
# The server's own configuration lies outside its data directory. These are the settings that were in force when it
# was saved, without where it listens, its certificates and the places of its files.
"""
_RULES = """\
# Who may come in. The server's own rules could not be read; these let in who has the same name here.
local   all          all                    peer
local   replication  all                    peer
host    all          all     127.0.0.1/32   scram-sha-256
host    all          all     ::1/128        scram-sha-256
"""


def add_configuration(
    entries: ArrivedEntries, facts: ServerFacts, access: Access, database: str, report: Report
) -> None:
    """Add what a server needs to start and the data directory does not hold."""
    if CONFIGURATION not in entries:
        lines = [f"{name} = {quote_setting(text)}" for name, text in sorted(facts.settings.items())]
        entries.add_document(CONFIGURATION, ("\n".join([_HEAD, *lines]) + "\n").encode(errors="surrogateescape"))
    if ACCESS_RULES not in entries:
        rules = _read_rules(access, database, report)
        entries.add_document(ACCESS_RULES, _RULES.encode() if rules is None else rules)
    if NAMES not in entries:
        entries.add_document(NAMES, b"")


def _read_rules(access: Access, database: str, report: Report) -> bytes | None:
    query = "SELECT pg_catalog.to_jsonb(pg_catalog.pg_read_file(pg_catalog.current_setting('hba_file')))"
    try:
        return str(msgspec.json.decode(ask_server(access, database, query))).encode()
    except SourceError:
        report(_rules_missing(database))
        return None


def quote_setting(text: str) -> str:
    """Return a value as a file of settings wants it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _rules_missing(database: str) -> Finding:
    return Finding(
        code="access-rules-missing",
        severity=Severity.NOTE,
        subject=database,
        template="pg_hba.conf lies outside the data directory and may not be read: simple rules stand for it.",
        hint_template="Save it as a component of files, or GRANT pg_read_server_files TO that user.",
    )
