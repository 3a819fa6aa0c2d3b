"""Databases that are made for a load: created beside, given their settings, swapped in, or dropped again."""

import contextlib
import datetime
import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence

from rebond.errors import RestoreError
from rebond.sources.postgres.feeding import LoadSession
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.saved import Manifest
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.target import ask

_LONGEST_BYTES = 63  # of a name in PostgreSQL
_LONGEST_BEFORE_BYTES = 38  # of it that are kept in the name of an old version
_ASIDE = re.compile(r"(?P<name>.+)_before_\d{8}_\d{6}", re.DOTALL)
_IN_USE, _NOT_ALLOWED = "55006", "42501"  # what the server says of a database with others in it, and of ending them
_HOLDERS_NAMED = 5
_SWAP_TRIES = 6  # each waits five seconds for sessions to go
_HALF = "Half-loaded by rebond. When nobody is connected, the restore was cut: the next one drops this database."
_NEVER_IDLE = (
    "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout';"
)
# One that new databases are made after cannot be dropped.
_MAKE_PLAIN = """SELECT pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE false', datname)
FROM pg_catalog.pg_database WHERE datname = {name} AND datistemplate \\gexec
"""
_ACL = re.compile(r'^(?P<grantee>"(?:[^"]|"")*"|[^=]*)=(?P<rights>[A-Za-z*]*)/')
_RIGHTS = {"C": "CREATE", "c": "CONNECT", "T": "TEMPORARY"}
_LIST_SETTINGS = frozenset({"search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"})
_ELEMENT = re.compile(r'"((?:[^"]|"")*)"|([^\s,][^,]*)')
_SUM_BYTES = 8


def name_new(name: str) -> str:
    """Return a name for a database while it is loaded: one that nobody has."""
    return f"{_name_start(name)}{secrets.token_hex(4)}"


def name_aside(name: str, now_ms: int) -> str:
    """Return the name under which a database is kept that another took the place of."""
    moment = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
    return f"{shorten(name, _LONGEST_BEFORE_BYTES)}_before_{moment:%Y%m%d_%H%M%S}"


def find_set_aside(names: Sequence[str]) -> list[str]:
    """Return those of a server's databases that a restore set aside, when the one that they were still is there.

    Only the name says so. Where the other is gone, nobody can tell, and it counts as one like all others.
    """
    living = {shorten(each, _LONGEST_BEFORE_BYTES) for each in names}
    return [each for each in names if (found := _ASIDE.fullmatch(each)) and found["name"] in living]


def shorten(name: str, most_bytes: int) -> str:
    """Return a name that is no longer than so many bytes; two that begin alike stay different."""
    if len(name.encode(errors="surrogateescape")) <= most_bytes:
        return name
    total = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:_SUM_BYTES]
    return f"{_cut(name, most_bytes - _SUM_BYTES - 1)}_{total}"


def create_database(access: Access, maintenance: str, name: str, manifest: Manifest) -> bool:
    """Create an empty database for what was saved; say whether its locale could be kept. Raises ``RestoreError``."""
    encoding = quote_text(manifest.encoding)
    begin = f"CREATE DATABASE {quote_name(name)} TEMPLATE template0 ENCODING {encoding}"
    try:
        ask(access, maintenance, f"{begin} {_describe_locale(manifest)};")
        return True
    except RestoreError as error:
        if not _is_of_locale(error):
            raise
    try:
        ask(access, maintenance, f"{begin};")
    except RestoreError as error:
        if not _is_of_locale(error):
            raise
        ask(access, maintenance, f"{begin} LC_COLLATE 'C' LC_CTYPE 'C';")
    return False


def drop_database(access: Access, maintenance: str, name: str) -> None:
    """Drop a database that was made here, with whoever is in it. Raises ``RestoreError``."""
    plain = _MAKE_PLAIN.format(name=quote_text(name))
    ask(access, maintenance, f"{plain}DROP DATABASE IF EXISTS {quote_name(name)} WITH (FORCE);")


@contextlib.contextmanager
def mark_half_loaded(access: Access, name: str) -> Iterator[None]:
    """Say of a database, while it is loaded, that it is only half there, and stay connected to it meanwhile.

    So one with that mark to which nobody is connected was left by a load that was killed. ``list_settings`` takes the
    mark away; that belongs inside. Raises ``RestoreError``.
    """
    session = LoadSession(access, name)
    try:
        session.feed(f"{_NEVER_IDLE}\nCOMMENT ON DATABASE {quote_name(name)} IS {quote_text(_HALF)};\n")
        session.send()
        yield
        session.finish()
    finally:
        session.close()


def drop_leftovers(access: Access, maintenance: str, name: str) -> tuple[str, ...]:
    """Drop what killed loads of a database left: marked as half-loaded, and nobody is connected. Return their names.

    The server itself refuses where somebody comes meanwhile; such a one stays. Raises ``RestoreError``.
    """
    start = _name_start(name)
    lines = ask(
        access,
        maintenance,
        f"""SELECT pg_catalog.to_json(d.datname::text) FROM pg_catalog.pg_database d
        WHERE pg_catalog.left(d.datname, {len(start)}) = {quote_text(start)}
          AND pg_catalog.substr(d.datname, {len(start) + 1}) ~ '^[0-9a-f]{{8}}$'
          AND pg_catalog.shobj_description(d.oid, 'pg_database') = {quote_text(_HALF)}
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
        ORDER BY d.datname;""",  # noqa: S608 - quoted
    )
    dropped = []
    for each in lines:
        left = read_json(each, str)
        with contextlib.suppress(RestoreError):  # somebody is in it now, or it is another user's: it does no harm
            ask(access, maintenance, f"DROP DATABASE IF EXISTS {quote_name(left)};")
            dropped.append(left)
    return tuple(dropped)


def list_settings(manifest: Manifest, name: str, roles: Sequence[str], *, keeps_owner: bool) -> Iterator[str]:
    """Yield the statements that give a database what does not lie in it: comment, settings, rights, its owner last."""
    database = quote_name(name)
    yield f"COMMENT ON DATABASE {database} IS {quote_text(manifest.comment) if manifest.comment else 'NULL'};"
    limit = manifest.details.get("datconnlimit", -1)
    if isinstance(limit, int) and limit != -1:
        yield f"ALTER DATABASE {database} CONNECTION LIMIT {limit};"
    if manifest.details.get("datistemplate") is True:
        yield f"ALTER DATABASE {database} IS_TEMPLATE true;"
    for role, settings in manifest.settings.items():
        if role and role not in roles:
            continue
        subject = f"ROLE {quote_name(role)} IN DATABASE {database}" if role else f"DATABASE {database}"
        for each in settings:
            key, _, text = each.partition("=")
            value = _quote_list(text) if key in _LIST_SETTINGS else quote_text(text)
            yield f"ALTER {subject} SET {quote_name(key)} = {value};"
    if keeps_owner:
        yield from _list_rights(manifest, database, roles)
        if manifest.owner in roles:
            yield f"ALTER DATABASE {database} OWNER TO {quote_name(manifest.owner)};"


def swap_in(access: Access, maintenance: str, *, new: str, name: str, aside: str) -> None:
    """Give a new database the name; the one that has it is kept as ``aside``, where that is not empty.

    Both happen in one transaction: whatever is cut, ``name`` is the old one or the new one. Whoever is in the old one
    is put out at that moment. Raises ``RestoreError`` when somebody cannot be put out; then nothing was changed.
    """
    renames = []
    if aside:
        renames += [_put_out(name), f"ALTER DATABASE {quote_name(name)} RENAME TO {quote_name(aside)}"]
    renames.append(f"ALTER DATABASE {quote_name(new)} RENAME TO {quote_name(name)}")
    # One message to the server: no time is left for anybody to come back between the statements.
    script = "SET synchronous_commit = on;\nBEGIN\\; " + "\\; ".join(renames) + "\\; COMMIT;"
    for left in reversed(range(_SWAP_TRIES)):
        try:
            ask(access, maintenance, script)
            return
        except RestoreError as error:
            words = str(error.values.get("words"))
            if left and _IN_USE in words:
                continue
            if aside and (_IN_USE in words or _NOT_ALLOWED in words):
                _tell_holders(access, maintenance, name, error)
            raise


def _put_out(name: str) -> str:
    return f"SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) {_from_sessions(name)}"


def _from_sessions(name: str) -> str:
    """Return what begins with FROM: who is in a database; what vacuums there is nobody's, and goes by itself."""
    condition = f"datname = {quote_text(name)} AND usesysid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()"
    return f"FROM pg_catalog.pg_stat_activity WHERE {condition}"


def _tell_holders(access: Access, maintenance: str, name: str, error: RestoreError) -> None:
    """Raise ``RestoreError`` with those who are still in a database: who may be put out is gone by now."""
    shown = "pg_catalog.format('%s (%s, pid %s)', usename, application_name, pid)"
    question = f"SELECT pg_catalog.to_json({shown}) {_from_sessions(name)} ORDER BY pid LIMIT {_HOLDERS_NAMED};"
    holders = [read_json(each, str) for each in ask(access, maintenance, question)]
    if holders:
        raise RestoreError(
            "The database {name} is held by sessions that may not be ended here: {sessions}.",
            hint="Close what they belong to, or let a superuser end them: SELECT pg_terminate_backend(PID); then type "
            "the same command again.",
            name=name,
            sessions=", ".join(holders),
            words=error.values.get("words", ""),
        ) from error


def _quote_list(text: str) -> str:
    """Return a list as literals: an empty name, as a ``search_path`` of nothing has, can be written no other way."""
    found = [(quoted.replace('""', '"') if not plain else plain.strip()) for quoted, plain in _ELEMENT.findall(text)]
    return ", ".join(map(quote_text, found)) or quote_text("")


def _describe_locale(manifest: Manifest) -> str:
    details = manifest.details
    words = []
    provider = details.get("datlocprovider", "c")
    locale = str(details.get("datlocale") or details.get("daticulocale") or "")
    if provider == "i":
        words.append(f"LOCALE_PROVIDER icu ICU_LOCALE {quote_text(locale)}")
        if rules := details.get("daticurules"):
            words.append(f"ICU_RULES {quote_text(str(rules))}")
    elif provider == "b":
        words.append(f"LOCALE_PROVIDER builtin BUILTIN_LOCALE {quote_text(locale)}")
    words.append(f"LC_COLLATE {quote_text(manifest.collate)} LC_CTYPE {quote_text(manifest.ctype)}")
    return " ".join(words)


def _list_rights(manifest: Manifest, database: str, roles: Sequence[str]) -> Iterator[str]:
    entries = manifest.details.get("datacl")
    if not isinstance(entries, list):
        return
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;"
    for entry in entries:
        found = _ACL.match(str(entry))
        if found is None:
            continue
        grantee = found["grantee"]
        name = grantee[1:-1].replace('""', '"') if grantee.startswith('"') else grantee
        if name and name not in roles:
            continue
        to = quote_name(name) if name else "PUBLIC"
        for letter, right in _RIGHTS.items():
            if letter in found["rights"]:
                passes_on = " WITH GRANT OPTION" if f"{letter}*" in found["rights"] and name else ""
                yield f"GRANT {right} ON DATABASE {database} TO {to}{passes_on};"


def _is_of_locale(error: RestoreError) -> bool:
    words = str(error.values.get("words", ""))
    return any(each in words for each in ("locale", "LC_COLLATE", "LC_CTYPE", "collation", "22023: encoding"))


def _name_start(name: str) -> str:
    return f"{_cut(name, 40)}_rebond_"


def _cut(name: str, most_bytes: int) -> str:
    assert most_bytes < _LONGEST_BYTES  # noqa: S101 - what is put behind it has to fit
    return name.encode(errors="surrogateescape")[:most_bytes].decode(errors="ignore")
