"""What the programs of PostgreSQL complain of, as errors that say what to do."""

import re

from rebond.errors import CommandFailed, SourceError, SourceUnfit, SourceUnreachable

# Words of a refused connection have no code: they are in the language of the server, so English and French are known.
PASSWORD = re.compile(
    r"password authentication failed|no password supplied|authentification par mot de passe|aucun mot de passe"
)
REFUSED = re.compile(
    r"no pg_hba\.conf entry|(peer|ident|gss|ldap|pam|certificate|scram|sasl|ssl) authentication failed"
    r"|role \S+ does not exist|not permitted to log in|aucune entrée dans pg_hba|le rôle .* n'existe pas"
    r"|authentification \w+ a échoué",
    re.IGNORECASE,
)
NO_DATABASE = re.compile(r"database .* does not exist|base de données .* n'existe pas|permission denied for database")
UNREACHABLE = re.compile(
    r"connection to server|could not connect|could not translate host name|starting up|shutting down"
    r"|in recovery mode|too many clients|remaining connection slots|timeout expired|connexion au serveur"
)
RIGHT = re.compile(r"42501|permission denied for")
_LOCKED = re.compile(r"55P03|lock timeout|could not obtain lock")
_HIDDEN = re.compile(r"row-level security")
_MOMENT_LOST = re.compile(r"invalid snapshot identifier|snapshot \S+ does not exist|import the requested snapshot")
_CHANGED = re.compile(r"42P01|3F000")
_SOURCE_LINE = re.compile(r"(psql:<stdin>:\d+: )| \| LOCATION:[^|]*")  # of our script, and of the server's code


def explain_failure(error: SourceError, *, server: str, database: str) -> SourceError:
    """Return the error that says most of what a program's last words say; the same one when they are not known."""
    words = clean_words(error)
    if not isinstance(error, CommandFailed) or not words:
        return error
    values = {"server": server, "database": database, "words": words}
    if PASSWORD.search(words):
        return SourceUnfit(
            "PostgreSQL at {server} does not accept the password for {database}: {words}",
            hint="Check 'user' and 'password' of the component, and what they refer to.",
            **values,
        )
    if NO_DATABASE.search(words):
        return SourceUnfit(
            "The database {database} at {server} cannot be opened: {words}",
            hint="Check 'database'; psql -l lists those that are there.",
            **values,
        )
    if REFUSED.search(words):
        return SourceUnfit(
            "PostgreSQL at {server} does not let this user in: {words}",
            hint="Check 'user' and 'password', and the server's pg_hba.conf.",
            **values,
        )
    if _MOMENT_LOST.search(words):
        return CommandFailed(
            "The session that held the moment of {database} was ended before all was read: {words}",
            hint="See what ends sessions (pg_terminate_backend, a proxy, a restart); then run the backup again.",
            **values,
        )
    if _HIDDEN.search(words):
        return SourceUnfit(
            "A policy hides rows of {database} from this user: {words}",
            hint="Save as the tables' owner or a superuser, or ALTER ROLE that user BYPASSRLS.",
            **values,
        )
    if RIGHT.search(words):
        return SourceUnfit(
            "A right is missing to read all of {database}: {words}",
            hint="Let the user read everything: GRANT pg_read_all_data TO that user, or save as the owner.",
            **values,
        )
    if _LOCKED.search(words):
        return SourceUnreachable(
            "A table of {database} is locked by somebody else for too long: {words}",
            hint="See pg_locks and pg_stat_activity for who holds it; then run the backup again.",
            **values,
        )
    if UNREACHABLE.search(words):
        return SourceUnreachable(
            "PostgreSQL at {server} takes no connections: {words}",
            hint="See whether it runs, and whether 'host' and 'port' are right: pg_isready says so.",
            **values,
        )
    return error


def clean_words(error: SourceError) -> str:
    """Return the last words of a program without the places in its code; empty where it said nothing."""
    return _SOURCE_LINE.sub("", str(error.values.get("words", "")))


def has_changed(error: SourceError) -> bool:
    """Say whether a table or schema was dropped between two looks, so that another try may do."""
    return bool(_CHANGED.search(str(error.values.get("words", ""))))
