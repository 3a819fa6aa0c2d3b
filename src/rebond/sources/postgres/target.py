"""A server that is to take a database: what it is, what this user may do there, and what is there already."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from rebond.errors import RestoreError, SourceError
from rebond.sources.postgres.programs import Programs, find_programs
from rebond.sources.postgres.raw_text import CHOOSE_ENCODING, read_json
from rebond.sources.postgres.server import OpenProgram, PostgresServer
from rebond.sources.postgres.session import Access, read_until
from rebond.sources.postgres.target_failures import explain_target

_QUIETLY = f"""\\set ON_ERROR_STOP on
\\set VERBOSITY verbose
SET default_transaction_read_only = off;
{CHOOSE_ENCODING} AS encoding \\gset
SET statement_timeout = 0;
SET lock_timeout = '60s';
SET client_min_messages = warning;
SELECT pg_catalog.set_config('search_path', '', false) AS path \\gset
SELECT pg_catalog.count(pg_catalog.set_config(name, '0', false)) AS unlimited FROM pg_catalog.pg_settings
 WHERE name = 'transaction_timeout' \\gset
"""  # noqa: S608 - made of constants
_DESCRIBE = """
SELECT pg_catalog.json_build_object(
  'version_num', pg_catalog.current_setting('server_version_num')::int,
  'user', current_user,
  'is_superuser', r.rolsuper,
  'may_create_databases', r.rolsuper OR r.rolcreatedb,
  'may_create_roles', r.rolsuper,
  'is_standby', pg_catalog.pg_is_in_recovery(),
  'databases', (SELECT pg_catalog.json_agg(datname) FROM pg_catalog.pg_database),
  'foreign_databases', (SELECT coalesce(pg_catalog.json_object_agg(datname, pg_catalog.pg_get_userbyid(datdba)), '{}')
    FROM pg_catalog.pg_database WHERE NOT pg_catalog.pg_has_role(datdba, 'USAGE')),
  'roles', (SELECT pg_catalog.json_agg(rolname) FROM pg_catalog.pg_roles),
  'foreign_roles', (SELECT coalesce(pg_catalog.json_agg(rolname), '[]') FROM pg_catalog.pg_roles
    WHERE rolname <> 'pg_database_owner' AND NOT pg_catalog.pg_has_role(oid,
      CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)),
  'superusers', (SELECT pg_catalog.json_agg(rolname) FROM pg_catalog.pg_roles WHERE rolsuper),
  'tablespaces', (SELECT pg_catalog.json_agg(spcname) FROM pg_catalog.pg_tablespace),
  'extensions', (SELECT coalesce(pg_catalog.json_agg(name), '[]') FROM pg_catalog.pg_available_extensions),
  'superuser_extensions', (SELECT coalesce(pg_catalog.json_agg(e.name), '[]')
    FROM pg_catalog.pg_available_extensions e JOIN pg_catalog.pg_available_extension_versions v
      ON v.name = e.name AND v.version = e.default_version
    WHERE NOT r.rolsuper AND v.superuser AND coalesce(pg_catalog.to_json(v) ->> 'trusted', '') <> 'true')
) FROM pg_catalog.pg_roles r WHERE r.rolname = current_user;
"""
_COUNT_OBJECTS = """
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
     + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
     + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public'))
     + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata);
"""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as one user sees it. ``foreign_databases`` are those that it may not rename, with their owners.

    To ``foreign_roles`` it may give nothing; ``superuser_extensions`` it may not make, where no rule of that server
    says otherwise.

    Roles come with all that was said of them, which CREATEROLE does not suffice for: not even to say NOSUPERUSER.
    """

    version_num: int
    user: str
    is_superuser: bool
    may_create_databases: bool
    may_create_roles: bool
    is_standby: bool
    databases: tuple[str, ...]
    foreign_databases: Mapping[str, str] = {}
    roles: tuple[str, ...]
    foreign_roles: tuple[str, ...] = ()
    superusers: tuple[str, ...] = ()
    tablespaces: tuple[str, ...]
    extensions: tuple[str, ...]
    superuser_extensions: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """Its version by the first number."""
        return self.version_num // 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTarget:
    """Where a database is to be loaded. An empty ``database`` means the name that was saved."""

    access: Access
    database: str = ""

    def __str__(self) -> str:
        return f"{self.access.server}/{self.database}" if self.database else str(self.access.server)


def reach_target(
    server: PostgresServer, open_program: OpenProgram, database: str, *, is_local: bool = False
) -> DatabaseTarget:
    """Return a target; nothing but the programs there is looked for. Raises ``SourceError``."""
    programs = find_programs(open_program)
    return DatabaseTarget(
        access=Access(server=server, programs=programs[0], open_program=open_program, is_local=is_local),
        database=database,
    )


def describe_server(target: DatabaseTarget) -> tuple[Server, DatabaseTarget]:
    """Ask the server what it is; return that, and the target with programs that fit. Raises ``RestoreError``."""
    answer = ask(target.access, choose_maintenance(target), _DESCRIBE)
    found = read_json(answer[0], Server)
    fitting = _choose(find_programs(target.access.open_program), found.major)
    return found, replace(target, access=replace(target.access, programs=fitting))


def choose_maintenance(target: DatabaseTarget) -> str:
    """Return a database that is not the one to be replaced, to be connected to meanwhile."""
    return "template1" if target.database == "postgres" else "postgres"


def is_empty(access: Access, database: str) -> bool:
    """Say whether a database holds nothing of anybody's. Raises ``RestoreError``."""
    return ask(access, database, _COUNT_OBJECTS)[0] == b"0"


def ask(access: Access, database: str, script: str) -> list[bytes]:
    """Run a script in a session of its own; return the lines that it answers. Raises ``RestoreError``."""
    mark = f"rebond-end-{secrets.token_hex(16)}"
    reader = None
    try:
        reader = access.open_psql(database, f"{_QUIETLY}SELECT '';\n{script}\nSELECT '{mark}';\n")
        lines = read_until(reader, mark)
        block = memoryview(bytearray(1 << 16))
        while reader.readinto(block):
            pass
        reader.finish()
    except SourceError as error:
        raise explain_target(error, server=str(access.server), database=database) from error
    finally:
        if reader is not None:
            reader.close()
    return lines


def _choose(programs: list[Programs], major: int) -> Programs:
    fitting = [each for each in programs if each.major >= major]
    if not fitting:
        raise RestoreError(
            "The server is PostgreSQL {server}, and psql is of version {client}: an older one may not load it.",
            hint="Install a newer one: apt-get install postgresql-client-{server}.",
            server=major,
            client=programs[0].major if programs else 0,
        )
    return min(fitting, key=lambda each: each.major)
