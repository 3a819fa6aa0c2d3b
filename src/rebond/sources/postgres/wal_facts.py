"""What a running server says of its write-ahead log: how far it is, what waits to be archived, slots, settings."""

import msgspec

from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.session import COMMON, Access
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.whole_output import read_output

SETTINGS = (
    "archive_command",
    "archive_library",
    "archive_mode",
    "archive_timeout",
    "fsync",
    "full_page_writes",
    "idle_replication_slot_timeout",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "summarize_wal",
    "wal_level",
)
_NAMES = ", ".join(f"'{each}'" for each in SETTINGS)
_SCRIPT = f"""{COMMON}
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE') AS may_look,
 pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE') AS may_list \\gset
SELECT json_build_object(
 'version', pg_catalog.current_setting('server_version_num')::int,
 'system_id', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
 'timeline', CASE WHEN pg_catalog.pg_is_in_recovery()
  THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())
  ELSE ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::int
  END,
 'is_in_recovery', pg_catalog.pg_is_in_recovery(),
 'lsn', (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
         ELSE pg_catalog.pg_current_wal_lsn() END)::text,
 'next_xid', (pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) % 4294967296)::bigint,
 'segment_bytes', pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')),
 'settings', (SELECT json_object_agg(name, pg_catalog.current_setting(name)) FROM pg_catalog.pg_settings
              WHERE name IN ({_NAMES})),
 'archiver', (SELECT json_build_object('archived', archived_count, 'failed', failed_count,
    'last', coalesce(last_archived_wal, ''), 'last_failed', coalesce(last_failed_wal, ''),
    'last_age', extract(epoch from now() - last_archived_time)::float8,
    'last_failed_age', extract(epoch from now() - last_failed_time)::float8) FROM pg_catalog.pg_stat_archiver),
 'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'kind', slot_type, 'is_active', active,
    'restart_lsn', coalesce(restart_lsn::text, ''), 'wal_status', coalesce(wal_status, ''),
    'safe_bytes', safe_wal_size)), '[]') FROM pg_catalog.pg_replication_slots));
\\if :may_look
SELECT json_build_object('waiting', json_build_object('count', count(*),
 'oldest_age', extract(epoch from now() - min(modification))::float8, 'oldest', coalesce(min(name), ''),
 'names', coalesce(json_agg(pg_catalog.left(name, -6)), '[]')))
 FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready';
\\endif
\\if :may_list
SELECT json_build_object('kept', coalesce(json_agg(name), '[]')) FROM pg_catalog.pg_ls_waldir()
 WHERE pg_catalog.length(name) = 24 OR name LIKE '%.history';
\\endif
SELECT 'rebond-end';
"""  # noqa: S608 - made of constants


class Archiver(msgspec.Struct, frozen=True, kw_only=True):
    """What the server counted of its own archiving. Ages are seconds; ``None`` when it never happened."""

    archived: int = 0
    failed: int = 0
    last: str = ""
    last_failed: str = ""
    last_age: float | None = None
    last_failed_age: float | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A replication slot. ``safe_bytes`` is how much more may be written before it may be lost; ``None``: no limit."""

    name: str
    kind: str
    is_active: bool
    restart_lsn: str = ""
    wal_status: str = ""
    safe_bytes: int | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Files that wait to be archived, ``names`` in no order. ``oldest_age`` is in seconds; ``None`` when none waits."""

    count: int = 0
    oldest_age: float | None = None
    oldest: str = ""
    names: list[str] = msgspec.field(default_factory=list)


class WalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says. ``next_xid`` has no transaction yet.

    ``waiting`` and ``kept``, the segments and histories that it has, are ``None`` where we may not look.
    """

    version: int
    system_id: str
    timeline: int
    is_in_recovery: bool
    lsn: str | None
    segment_bytes: int
    settings: dict[str, str]
    archiver: Archiver
    slots: list[Slot]
    waiting: Waiting | None = None
    kept: list[str] | None = None
    next_xid: int = 0

    @property
    def position(self) -> int:
        """How far the server has written, or replayed where it is a standby."""
        return parse_lsn(self.lsn) if self.lsn else 0

    @property
    def major(self) -> int:
        """The version, by its first number."""
        return self.version // 10_000


class _Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What only some may see, in a line each."""

    waiting: Waiting | None = None
    kept: list[str] | None = None


def read_wal_facts(access: Access, database: str) -> WalFacts:
    """Ask a server. Raises ``SourceError``."""
    try:
        answer = read_output(lambda: access.open_psql(database, _SCRIPT), program="psql")
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database=database) from error
    lines = [each for each in answer.splitlines() if each]
    if not lines or lines[-1] != b"rebond-end":
        raise SourceUnfit("PostgreSQL at {server} gave no whole answer.", hint="Try again.", server=str(access.server))
    facts = msgspec.json.decode(lines[0], type=WalFacts)
    looks = [msgspec.json.decode(each, type=_Look) for each in lines[1:-1]]
    return msgspec.structs.replace(
        facts,
        waiting=next((each.waiting for each in looks if each.waiting is not None), None),
        kept=next((each.kept for each in looks if each.kept is not None), None),
    )
