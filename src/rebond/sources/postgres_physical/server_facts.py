"""What has to be known of a server to start its data directory elsewhere."""

import secrets

import msgspec

from rebond.errors import CommandFailed, SourceError
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.session import COMMON, Access
from rebond.sources.streams.whole_output import read_output

STANDBY_SETTINGS = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
)
_PLACES = (
    "data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "unix_socket_directories",
    "listen_addresses", "ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_crl_dir",
    "ssl_dh_params_file", "krb_server_keyfile", "stats_temp_directory",
)  # fmt: skip
_ASK = f"""
SELECT jsonb_build_object(
  'system_identifier', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
  'timeline', (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
  'version', pg_catalog.current_setting('server_version'),
  'version_number', pg_catalog.current_setting('server_version_num')::int,
  'segment_bytes', pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')),
  'page_bytes', pg_catalog.current_setting('block_size')::int,
  'has_checksums', pg_catalog.current_setting('data_checksums')::bool,
  'is_standby', pg_catalog.pg_is_in_recovery(),
  'archive_mode', pg_catalog.current_setting('archive_mode'),
  'wal_level', pg_catalog.current_setting('wal_level'),
  'data_directory', (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'),
  'config_file', (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'config_file'),
  'superuser', (SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1),
  'libraries', (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'shared_preload_libraries'),
  'now', pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'floors', (SELECT pg_catalog.jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings
    WHERE name IN ({", ".join(f"'{each}'" for each in STANDBY_SETTINGS)})),
  'settings', (SELECT coalesce(pg_catalog.jsonb_object_agg(name, pg_catalog.current_setting(name)), '{{}}')
    FROM pg_catalog.pg_settings WHERE source IN ('configuration file', 'command line')
    AND name NOT IN ({", ".join(f"'{each}'" for each in _PLACES)})),
  'databases', (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(d) - 'datacl') FROM pg_catalog.pg_database d
    WHERE d.datallowconn AND d.datconnlimit <> -2),
  'tablespaces', (SELECT pg_catalog.jsonb_object_agg(oid::text, pg_catalog.pg_tablespace_location(oid))
    FROM pg_catalog.pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')))
"""  # noqa: S608 - made of constants
_EXTENSIONS = "SELECT coalesce(pg_catalog.jsonb_object_agg(extname, extversion), '{}') FROM pg_catalog.pg_extension"

_SIZE = """
SELECT CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
  THEN (SELECT pg_catalog.sum(pg_catalog.pg_tablespace_size(oid)) FROM pg_catalog.pg_tablespace) END
"""


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself. ``floors`` are settings that a standby may not have lower."""

    system_identifier: str
    timeline: int
    version: str
    version_number: int
    segment_bytes: int
    page_bytes: int
    has_checksums: bool
    is_standby: bool
    archive_mode: str
    wal_level: str
    now: str
    data_directory: str | None = None
    config_file: str | None = None
    libraries: str | None = None
    superuser: str | None = None
    floors: dict[str, str] = {}
    settings: dict[str, str] = {}
    databases: list[dict[str, object]] = []
    tablespaces: dict[str, str] | None = None
    extensions: dict[str, dict[str, str]] = {}

    @property
    def major(self) -> int:
        """Its version, by the first number."""
        return self.version_number // 10_000

    @property
    def database_names(self) -> list[str]:
        """The databases that can be opened, templates left out."""
        return [str(each["datname"]) for each in self.databases if not each.get("datistemplate")]


def read_facts(access: Access, database: str) -> ServerFacts:
    """Ask the server, and each of its databases for its extensions. Raises ``SourceError``."""
    facts = msgspec.json.decode(ask_server(access, database, _ASK), type=ServerFacts)
    extensions = {
        name: msgspec.json.decode(ask_server(access, name, _EXTENSIONS), type=dict[str, str])
        for name in facts.database_names
    }
    return msgspec.structs.replace(facts, extensions=extensions)


def ask_size(access: Access, database: str) -> int | None:
    """Return about how many bytes a base backup is, its log left out; ``None`` for who may not know.

    Raises ``SourceError``.
    """
    answer = ask_server(access, database, _SIZE)
    return int(answer) if answer else None


def ask_server(access: Access, database: str, query: str) -> bytes:
    """Return the one line that a query answers. Raises ``SourceError``."""
    mark = f"rebond-end-{secrets.token_hex(16)}"
    script = f"{COMMON}{query};\n\\echo {mark}\n"
    try:
        answer = read_output(lambda: access.open_psql(database, script), program="psql")
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database=database) from error
    lines = answer.rstrip(b"\n").split(b"\n")
    if lines[-1] != mark.encode() or len(lines) < 2:
        raise CommandFailed(
            "The answer of psql was cut: the mark at its end is missing.",
            hint="Run the backup again. If that happens often, see what ends the connection.",
        )
    return lines[0]
