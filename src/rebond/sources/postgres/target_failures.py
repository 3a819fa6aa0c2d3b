"""What PostgreSQL complains of while a database is loaded, as errors that say what to do."""

import re

from rebond.errors import RestoreError, SourceError
from rebond.sources.postgres.complaints import (
    NO_DATABASE,
    NO_ROLE,
    PASSWORD,
    REFUSED,
    RIGHT,
    UNREACHABLE,
    Complaint,
    find_complaint,
)
from rebond.sources.postgres.failures import clean_words

_FULL = re.compile(r"53100|No space left on device|could not extend file|disk full")
_PUBLIC = re.compile(r"permission denied for schema public")
_IN_USE = re.compile(r"55006|is being accessed by other users|is used by an active logical replication slot")
_EXISTS = re.compile(r"42P04|42P07|42P06|42710|42723|already exists")
_NO_PATH = re.compile(r"\b42(?:883|P01|704)\b.*(?:QUERY|CONTEXT): .*function", re.DOTALL)
_ROLE_GONE = re.compile(r"42704:[^|]*\b(?:role|rôle) ")
_NEEDED = re.compile(r"ERROR:\s+(?:3F000|42P01):")
_NO_MEMORY = re.compile(r"53200|out of memory|out of shared memory")
_CONFLICT = re.compile(r"\b23\d{3}\b|violates .* constraint")

# The first that fits is told: what is said of a schema, before what is said of rights.
_COMPLAINTS: tuple[Complaint[RestoreError], ...] = (
    Complaint(
        words=PASSWORD,
        kind=RestoreError,
        template="PostgreSQL at {server} does not accept the password for {database}: {words}",
        hint_template="Set PGPASSWORD or PGPASSFILE, or 'password' of the component; never write it into the address."
        "\n  → A new server says the same where it has no such role. A superuser makes it there: "
        "CREATE ROLE … LOGIN SUPERUSER PASSWORD '…';",
    ),
    Complaint(
        words=NO_DATABASE,
        kind=RestoreError,
        template="The database {database} at {server} cannot be opened: {words}",
        hint_template="Check its name; psql -l lists those that are there.",
    ),
    Complaint(
        words=NO_ROLE,
        kind=RestoreError,
        template="PostgreSQL at {server} has no role for this user: {words}",
        hint_template="Name another user, or let a superuser make it there: "
        "CREATE ROLE … LOGIN SUPERUSER PASSWORD '…';",
    ),
    Complaint(
        words=_ROLE_GONE,
        kind=RestoreError,
        template="{database} names a role that is not there, for a policy or a user mapping: {words}",
        hint_template="Make it there, then run the same command again: CREATE ROLE …; A superuser who loads a whole "
        "database without --no-owner makes all roles that it names.",
    ),
    Complaint(
        words=REFUSED,
        kind=RestoreError,
        template="PostgreSQL at {server} does not let this user in: {words}",
        hint_template="Check the user in the address, and the server's pg_hba.conf.",
    ),
    Complaint(
        words=_FULL,
        kind=RestoreError,
        template="The disk of PostgreSQL at {server} is full: {words}",
        hint_template="Free some space there, or load into another server; then run the same command again.",
    ),
    Complaint(
        words=_NO_MEMORY,
        kind=RestoreError,
        template="PostgreSQL at {server} has not enough memory: {words}",
        hint_template="Raise max_locks_per_transaction or the memory there, or use fewer --jobs.",
    ),
    Complaint(
        words=_PUBLIC,
        kind=RestoreError,
        template="A right is missing to load {database}: {words}",
        hint_template="Since PostgreSQL 15 only the owner of a database makes tables in its schema public: load as "
        "that owner or as a superuser, or let them GRANT CREATE ON SCHEMA public.",
    ),
    Complaint(
        words=RIGHT,
        kind=RestoreError,
        template="A right is missing to load {database}: {words}",
        hint_template="Load as a superuser or as the owner; --no-owner leaves owners and grants out.",
    ),
    Complaint(
        words=_NO_PATH,
        kind=RestoreError,
        template="A function of {database} names something without its schema, which a load does not find: {words}",
        hint_template="pg_restore ends there too. Restore with --to DIR, write behind the CREATE FUNCTION in its "
        "pre-data.sql: ALTER FUNCTION … SET search_path = public; and load it with restore.sh, which lies beside. The "
        "same statement in the database that is saved mends the next snapshot.",
    ),
    Complaint(
        words=_NEEDED,
        kind=RestoreError,
        template="What is to come back into {database} needs what is not there: {words}",
        hint_template="Where a schema or a table comes back alone, let what it needs come with it: a --schema or a "
        "--table for each.",
    ),
    Complaint(
        words=_IN_USE,
        kind=RestoreError,
        template="The database {database} at {server} is in use and could not be renamed: {words}",
        hint_template="Stop what uses it (pg_stat_activity, pg_prepared_xacts and pg_replication_slots name it), "
        "then run the same command again.",
    ),
    Complaint(
        words=UNREACHABLE,
        kind=RestoreError,
        template="PostgreSQL at {server} takes no connections: {words}",
        hint_template="See whether it runs, and whether host and port are right: pg_isready says so.",
    ),
    Complaint(
        words=_EXISTS,
        kind=RestoreError,
        template="Something of {database} is there already: {words}",
        hint_template="Load into a new database, or give the table another name with --rename.",
    ),
    Complaint(
        words=_CONFLICT,
        kind=RestoreError,
        template="A row does not fit into what {database} holds: {words}",
        hint_template="Load it under another name with --rename, and join the rows yourself.",
    ),
)


def explain_target(error: SourceError, *, server: str, database: str) -> RestoreError:
    """Return what went wrong with the place that data goes to; nothing is said of what was done about it."""
    return explain_words(clean_words(error), server=server, database=database, otherwise=error.message)


def explain_words(words: str, *, server: str, database: str, otherwise: str = "") -> RestoreError:
    """Return the error that says most of what the server, or a program of it, complained of."""
    found = find_complaint(_COMPLAINTS, words)
    if found is not None:
        return found.tell(server=server, database=database, words=words)
    return RestoreError(
        "{database} could not be loaded at {server}: {words}",
        hint="Mend what it says, then run the same command again.",
        server=server,
        database=database,
        words=words or otherwise,
    )
