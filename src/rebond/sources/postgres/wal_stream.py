"""The write-ahead log as a server streams it: the slot, pg_receivewal, and what is asked before it begins."""

import re
import shutil
from collections.abc import Sequence

from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.programs import Programs
from rebond.sources.postgres.server import describe_input, wrap_program
from rebond.sources.postgres.session import COMMON, Access
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.whole_output import read_output

_FILE_NAME = re.compile(r"\b[0-9A-F]{24}\b")
_PLACE = re.compile(r'[0-9"/]')  # of a file that could not be read: its path, or an offset
_SLOT_NAME = re.compile(r"[a-z0-9_]{1,63}")
_ASK_SLOT = """{common}SELECT count(*) = 0 AS is_missing FROM pg_catalog.pg_replication_slots
 WHERE slot_name = '{slot}' \\gset
\\if :is_missing
SELECT slot_name AS made FROM pg_catalog.pg_create_physical_replication_slot('{slot}', true) \\gset
\\endif
SELECT slot_type || ' ' || coalesce(wal_status, 'new') || ' ' || coalesce(restart_lsn::text, '')
 FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}';
"""
# A segment is looked for by its number alone: which timeline's file is sent of it, the server knows. The one that the
# server writes next may not be there yet.
_RENEW_SLOT = """{common}SELECT count(*) > 0 AS is_idle, coalesce(max(restart_lsn)::text, '') AS wanted,
 {is_refused} OR coalesce(pg_catalog.bool_or(wal_status = 'lost'), false) AS is_gone,
 pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE') AS may_look,
 pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS size
 FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}' AND slot_type = 'physical' AND NOT active \\gset
\\if :is_idle
\\if :may_look
WITH wanted AS (SELECT 4294967296 / :size AS per_file,
 pg_catalog.div(pg_catalog.pg_wal_lsn_diff(nullif(:'wanted', '')::pg_catalog.pg_lsn, '0/0'), :size)::bigint AS number,
 pg_catalog.div(pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery()
 THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
 ELSE pg_catalog.pg_current_wal_insert_lsn() END, '0/0'), :size)::bigint AS being_written),
ending AS (SELECT number IS DISTINCT FROM being_written AS is_written,
 pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(number / per_file), 8, '0')
 || pg_catalog.lpad(pg_catalog.to_hex(number % per_file), 8, '0')) AS digits FROM wanted)
SELECT :'is_gone' OR digits IS NOT NULL AND is_written AND NOT EXISTS (SELECT FROM pg_catalog.pg_ls_waldir()
 WHERE pg_catalog.length(name) = 24 AND pg_catalog.right(name, 16) = digits) AS is_gone FROM ending \\gset
\\endif
\\if :is_gone
SELECT pg_catalog.pg_drop_replication_slot('{slot}') AS dropped \\gset
SELECT slot_name AS made FROM pg_catalog.pg_create_physical_replication_slot('{slot}', true) \\gset
SELECT 'renewed ' || :'wanted';
\\endif
\\endif
"""
# It ends when our end of its input is closed, however we end: else it would hold the slot against the next one.
_WATCHED = """\
IFS= read -r password
if [ -n "$password" ]; then PGPASSWORD=$password; export PGPASSWORD; fi
unset password
LC_ALL=C; export LC_ALL
exec 3<&0
"$@" < /dev/null 3<&- &
child=$!
( cat <&3 > /dev/null; kill "$child" 2> /dev/null ) &
watcher=$!
exec 3<&-
wait "$child"
status=$?
kill "$watcher" 2> /dev/null
exit "$status"
"""


def says_removed(words: str) -> bool:
    """Say whether the last words of ``pg_receivewal`` are that the server removed the file which comes next.

    It speaks the language of the server (``lc_messages``), which only a superuser may choose, and says no code. So
    this is a line that names one segment, and neither a path nor a number: other errors about segments do.
    """
    for line in words.split(" | "):
        if len(_FILE_NAME.findall(line)) == 1 and not _PLACE.search(_FILE_NAME.sub("", line)):
            return True
    return False


def ensure_slot(access: Access, database: str, slot: str) -> int | None:
    """Make a physical slot that keeps the log from now on, unless it is there; return the position that it waits at.

    ``None`` for a slot that keeps nothing yet. Raises ``SourceError``.
    """
    _require_name(slot)
    answer = _ask(access, database, _ASK_SLOT.format(common=COMMON, slot=slot))
    kind, state, position = [*answer.split(" "), "", ""][:3]
    if kind != "physical":
        raise SourceUnfit(
            "The slot {slot} of {server} is {kind}; it has to be physical.",
            hint="Drop it with pg_drop_replication_slot, then it is made anew.",
            slot=slot,
            server=str(access.server),
            kind=kind or "?",
        )
    if state == "lost":
        raise SourceUnfit(
            "The slot {slot} of {server} is lost: the server does not have the log any more that was not fetched.",
            hint="Run 'rebond wal receive --accept-gap' once: it makes the slot anew. Save the component at once, so "
            "that a new base begins.",
            slot=slot,
            server=str(access.server),
        )
    return parse_lsn(position) if position else None


def renew_slot(access: Access, database: str, slot: str, *, is_refused: bool = False) -> str | None:
    """Make a slot anew that waits for what its server does not have any more; return the position that it waited at.

    ``None`` where nothing was done: it is in use, is not there, or the server still has what it waits for.
    ``is_refused`` says that the server would not go on from it. Only for who accepted that a part of the log is
    missing: the new slot keeps what comes from now on. Raises ``SourceError``.
    """
    _require_name(slot)
    refused = "true" if is_refused else "false"
    answer = _ask(access, database, _RENEW_SLOT.format(common=COMMON, slot=slot, is_refused=refused))
    word, _, position = answer.partition(" ")
    return position if word == "renewed" else None


def _require_name(slot: str) -> None:
    if not _SLOT_NAME.fullmatch(slot):
        raise SourceUnfit(
            "'{slot}' is no name for a slot.", hint="Small letters, digits and underscores make one.", slot=slot
        )


def _ask(access: Access, database: str, script: str) -> str:
    try:
        answer = read_output(lambda: access.open_psql(database, script), program="psql")
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database=database) from error
    return answer.decode(errors="replace").strip()


def ask_history(access: Access, timeline: int) -> bytes:
    """Return the file that says whence a timeline of a server comes; empty for the first. Raises ``SourceError``."""
    if timeline == 1:
        return b""
    connection = access.server.describe_connection("") + " replication=true"
    words = (access.programs.psql, "-X", "-w", "-A", "-t", "-c", f"TIMELINE_HISTORY {timeline}", "-d", connection)
    try:
        answer = read_output(
            lambda: access.open_program(
                wrap_program(words, access.server), given=describe_input(access.server), label="psql"
            ),
            program="psql",
        )
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database="replication") from error
    return answer.partition(b"|")[2].removesuffix(b"\n")  # of the two at its end one is psql's


def ask_where(access: Access, database: str) -> tuple[str, int, str]:
    """Return host, port and user of a connection as ``psql`` made it: of what is not said, what it takes.

    The host is a folder where it is a Unix socket. Raises ``SourceError``.
    """
    host, port, user = _ask(access, database, "\\echo :HOST\n\\echo :PORT\n\\echo :USER\n").split("\n")
    return host, int(port), user


def require_receiver(programs: Programs, server_major: int) -> None:
    """Raise ``SourceUnfit`` where there is no ``pg_receivewal`` on this machine beside ``psql``, or it is too old."""
    program = name_receiver(programs)
    if shutil.which(program) is None:
        raise SourceUnfit(
            "{program} is not installed on this machine: it receives the log, also of a server in a container.",
            hint="Install it: apt-get install postgresql-client-{server}.",
            program=program,
            server=server_major,
        )
    if programs.major < server_major:
        raise SourceUnfit(
            "The server is PostgreSQL {server}, and pg_receivewal is of version {client}: it cannot receive its log.",
            hint="Install a newer one: apt-get install postgresql-client-{server}.",
            server=server_major,
            client=programs.major,
        )


def name_receiver(programs: Programs) -> str:
    """Return the path of ``pg_receivewal``."""
    return programs.psql.removesuffix("psql") + "pg_receivewal"


def describe_receiver(access: Access, *, spool: str, slot: str) -> Sequence[str]:
    """Return the command that streams into ``spool``: every flush of the server is flushed there at once.

    It reads the password as its first line of input, and ends when its input does.
    """
    words = (
        *(name_receiver(access.programs), "-w", "-D", spool, "-S", slot),
        *("--synchronous", "--no-loop", "--status-interval=1", "-d", access.server.describe_connection("")),
    )
    return wrap_program(words, access.server, _WATCHED)
