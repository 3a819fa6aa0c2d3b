"""What the programs of PostgreSQL complain of, as errors that say what to do."""

import re

from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable
from rebond.sources.postgres.complaints import (
    NO_DATABASE,
    PASSWORD,
    REFUSED,
    RIGHT,
    UNREACHABLE,
    Complaint,
    find_complaint,
)

_LOCKED = re.compile(r"55P03|lock timeout|could not obtain lock")
_HIDDEN = re.compile(r"row-level security")
_MOMENT_LOST = re.compile(r"invalid snapshot identifier|snapshot \S+ does not exist|import the requested snapshot")
_CHANGED = re.compile(r"42P01|3F000")
_SOURCE_LINE = re.compile(r"(psql:<stdin>:\d+: )| \| LOCATION:[^|]*")  # of our script, and of the server's code

# The first that fits is told.
_COMPLAINTS: tuple[Complaint[SourceError], ...] = (
    Complaint(
        words=PASSWORD,
        kind=SourceUnfit,
        template="PostgreSQL at {server} does not accept the password for {database}: {words}",
        hint_template="Check 'user' and 'password' of the component, and what they refer to.",
    ),
    Complaint(
        words=NO_DATABASE,
        kind=SourceUnfit,
        template="The database {database} at {server} cannot be opened: {words}",
        hint_template="Check 'database'; psql -l lists those that are there.",
    ),
    Complaint(
        words=REFUSED,
        kind=SourceUnfit,
        template="PostgreSQL at {server} does not let this user in: {words}",
        hint_template="Check 'user' and 'password', and the server's pg_hba.conf.",
    ),
    Complaint(
        words=_MOMENT_LOST,
        kind=CommandFailed,
        template="The session that held the moment of {database} was ended before all was read: {words}",
        hint_template="See what ends sessions (pg_terminate_backend, a proxy, a restart); then run the backup again.",
    ),
    Complaint(
        words=_HIDDEN,
        kind=SourceUnfit,
        template="A policy hides rows of {database} from this user: {words}",
        hint_template="Save as the tables' owner or a superuser, or ALTER ROLE that user BYPASSRLS.",
    ),
    Complaint(
        words=RIGHT,
        kind=SourceUnfit,
        template="A right is missing to read all of {database}: {words}",
        hint_template="Let the user read everything: GRANT pg_read_all_data TO that user, or save as the owner.",
    ),
    Complaint(
        words=_LOCKED,
        kind=SourceUnreachable,
        template="A table of {database} is locked by somebody else for too long: {words}",
        hint_template="See pg_locks and pg_stat_activity for who holds it; then run the backup again.",
    ),
    Complaint(
        words=UNREACHABLE,
        kind=SourceUnreachable,
        template="PostgreSQL at {server} takes no connections: {words}",
        hint_template="See whether it runs, and whether 'host' and 'port' are right: pg_isready says so.",
    ),
)


def explain_failure(error: SourceError, *, server: str, database: str) -> SourceError:
    """Return the error that says most of what a program's last words say; the same one when they are not known."""
    words = clean_words(error)
    if not isinstance(error, CommandFailed) or not words:
        return error
    found = find_complaint(_COMPLAINTS, words)
    return error if found is None else found.tell(server=server, database=database, words=words)


def clean_words(error: SourceError) -> str:
    """Return the last words of a program without the places in its code; empty where it said nothing."""
    return _SOURCE_LINE.sub("", str(error.values.get("words", "")))


def has_changed(error: SourceError) -> bool:
    """Say whether a table or schema was dropped between two looks, so that another try may do."""
    return bool(_CHANGED.search(str(error.values.get("words", ""))))
