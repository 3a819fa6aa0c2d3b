"""Waiting for the server of a database: asked, started where it does not answer, and waited for."""

import re
import shlex
from collections.abc import Callable

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import RebondError, RestoreError
from rebond.sources.postgres.complaints import NO_ROLE, PASSWORD, REFUSED
from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.target import DatabaseTarget, ask, choose_maintenance

_WITHIN_SECONDS = 180.0  # a new container makes its data directory first
_STEADY_SECONDS = 3.0  # a server that was just started may be one that only prepares the real one
_PREPARING_SECONDS = 60.0  # how long one that looks so is not believed
_ASK_EVERY_SECONDS = 1.0
_USER = re.compile(r'(?:user|role|utilisateur|rôle) [«"]\s?(.+?)\s?[»"]')
_WHO = """
SELECT pg_catalog.pg_postmaster_start_time()::text || ' ' || (
  SELECT setting = '' AND source = 'command line' FROM pg_catalog.pg_settings WHERE name = 'listen_addresses')::text;
"""


class Starter(Struct, frozen=True, kw_only=True):
    """What starts a server; ``name`` is the command in words. ``start`` raises ``RebondError``."""

    name: str
    start: Callable[[], None]


FindTarget = Callable[[], DatabaseTarget]
FindStarter = Callable[[], Starter | None]


def wait_for_server(
    component: str, find_target: FindTarget, find_starter: FindStarter, clock: Clock, *, roles: str = ""
) -> None:
    """Return when the server takes a database; start it first where it does not answer.

    ``roles`` is a command that shows what the roles were allowed. Raises ``RestoreError`` when the server takes none,
    or not in time. Official images answer for a while from a server that
    listens nowhere and is ended again: one that was started here has to be there for some seconds.
    """
    try:
        _ask_who(find_target)
    except RebondError as error:
        starter = find_starter() if _is_of_reach(error) else None
        if starter is None:
            raise _not_there(component, error, roles) from error
    else:
        return
    try:
        starter.start()
    except RebondError as error:
        raise RestoreError(
            "The server of {component} could not be started with '{command}': {reason}",
            hint="Mend that, or start it by hand.",
            component=component,
            command=starter.name,
            reason=error,
        ) from error
    _wait_until_steady(component, find_target, clock, roles)


def find_obstacle(component: str, find_target: FindTarget, *, roles: str) -> RestoreError | None:
    """Return why the server takes no database now; ``None`` where it does. Nothing is started for that."""
    try:
        _ask_who(find_target)
    except RebondError as error:
        return _not_there(component, error, roles)
    return None


def answers(find_target: FindTarget) -> bool:
    """Say whether the server takes a database now; nothing is started for that."""
    try:
        _ask_who(find_target)
    except RebondError:
        return False
    return True


def is_same_server(one: FindTarget, other: FindTarget) -> bool:
    """Say whether two addresses lead to one running server; ``False`` where either of them leads nowhere."""
    try:
        return _ask_who(one) == _ask_who(other)
    except RebondError:
        return False


def _wait_until_steady(component: str, find_target: FindTarget, clock: Clock, roles: str) -> None:
    began = clock.monotonic()
    seen, seen_at = "", began
    while True:
        now = clock.monotonic()
        try:
            who = _ask_who(find_target)
        except RebondError as error:
            if now - began > _WITHIN_SECONDS or not _is_of_reach(error):
                raise _not_there(component, error, roles) from error
            seen = ""
        else:
            if who != seen:
                seen, seen_at = who, now
            is_preparing = who.endswith("true")
            if now - seen_at >= (_PREPARING_SECONDS if is_preparing else _STEADY_SECONDS):
                return
        clock.sleep(_ASK_EVERY_SECONDS)


def _ask_who(find_target: FindTarget) -> str:
    """Return since when the server runs, and whether it is one that only prepares."""
    target = find_target()
    return ask(target.access, choose_maintenance(target), _WHO)[0].decode()


def _is_of_reach(error: RebondError) -> bool:
    """Say whether a server that is started may answer otherwise: not where a password or a program is missing."""
    words = str(error.values.get("words", ""))
    return not any(each in words for each in ("password authentication", "no pg_hba.conf entry", "no password"))


def show_roles(component: str, snapshot: str, vault: str) -> str:
    """Return the command that shows the roles of a saved server. ``snapshot`` is its id in hexadecimal."""
    return shlex.join(["rebond", "cat", snapshot[:12], f"{component}/globals.sql", "--vault", vault])


def keeps_out(error: RebondError) -> bool:
    """Say whether the server answered, and let nobody in under that name."""
    words = str(error.values.get("words", ""))
    return any(each.search(words) for each in (PASSWORD, REFUSED, NO_ROLE))


def _not_there(component: str, error: RebondError, roles: str) -> RestoreError:
    words = str(error.values.get("words", ""))
    named = _USER.search(words)
    if named is not None and NO_ROLE.search(words):
        return RestoreError(
            "The server of {component} has no role {user}, as which the database is to be loaded: {words}",
            hint="Let a superuser of that server make it: {statement}\n"
            "  → What it was allowed, and all other roles, which come with the databases: {command}",
            **_describe_login(component, named[1], roles, words),
        )
    if named is not None and PASSWORD.search(words):
        return RestoreError(
            "The server of {component} does not let {user} in: the password is another one, or that server is new and "
            "has no such role. PostgreSQL says the same of both: {words}",
            hint="Where the role is missing, let a superuser of that server make it: {statement}\n"
            "  → What it was allowed, and all other roles, which come with the databases: {command}\n"
            "  → Where it is there, mend 'password' of the component, or what that refers to.",
            **_describe_login(component, named[1], roles, words),
        )
    return RestoreError(
        "The server of {component} takes no database: {reason}",
        hint=error.hint_template,
        **{**error.values, "component": component, "reason": error},
    )


def _describe_login(component: str, user: str, roles: str, words: str) -> dict[str, str]:
    """A superuser, because a load makes databases, and on a new server the other roles too."""
    statement = f"CREATE ROLE {quote_name(user)} LOGIN SUPERUSER PASSWORD '…';"
    return {"component": component, "user": user, "statement": statement, "command": roles, "words": words}
