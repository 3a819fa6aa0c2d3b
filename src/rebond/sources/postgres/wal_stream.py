"""The write-ahead log as a server streams it: the slot, pg_receivewal, and what is asked before it begins."""

import re
from collections.abc import Sequence

from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.server import describe_input, wrap_program
from rebond.sources.postgres.session import COMMON, Access
from rebond.sources.postgres.wal_names import Switch, parse_history
from rebond.sources.streams.whole_output import read_output

_SLOT_NAME = re.compile(r"[a-z0-9_]{1,63}")
_ASK_SLOT = """{common}SELECT count(*) = 0 AS is_missing FROM pg_catalog.pg_replication_slots
 WHERE slot_name = '{slot}' \\gset
\\if :is_missing
SELECT slot_name AS made FROM pg_catalog.pg_create_physical_replication_slot('{slot}', true) \\gset
\\endif
SELECT coalesce(wal_status, '') || ' ' || slot_type FROM pg_catalog.pg_replication_slots WHERE slot_name = '{slot}';
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


def ensure_slot(access: Access, database: str, slot: str) -> None:
    """Make a physical slot that keeps the log from now on, unless it is there. Raises ``SourceError``."""
    if not _SLOT_NAME.fullmatch(slot):
        raise SourceUnfit(
            "'{slot}' is no name for a slot.", hint="Small letters, digits and underscores make one.", slot=slot
        )
    script = _ASK_SLOT.format(common=COMMON, slot=slot)
    try:
        answer = read_output(lambda: access.open_psql(database, script), program="psql")
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database=database) from error
    state, _, kind = answer.decode(errors="replace").strip().partition(" ")
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
            hint="Drop it with pg_drop_replication_slot, run 'rebond wal receive --accept-gap' once, and save the "
            "component at once, so that a new base begins.",
            slot=slot,
            server=str(access.server),
        )


def ask_history(access: Access, timeline: int) -> tuple[Switch, ...]:
    """Return where a timeline of a server comes from; empty for the first. Raises ``SourceError``."""
    if timeline == 1:
        return ()
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
    return parse_history(answer.partition(b"|")[2])


def describe_receiver(access: Access, *, spool: str, slot: str) -> Sequence[str]:
    """Return the command that streams into ``spool``: every flush of the server is flushed there at once.

    It reads the password as its first line of input, and ends when its input does.
    """
    words = (
        *(access.programs.psql.removesuffix("psql") + "pg_receivewal", "-w", "-D", spool, "-S", slot),
        *("--synchronous", "--no-loop", "--status-interval=1", "-d", access.server.describe_connection("")),
    )
    return wrap_program(words, access.server, _WATCHED)
