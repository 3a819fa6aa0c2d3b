"""Starting what was laid down as a throw-away server, and comparing what it came to with what was asked for."""

from rebond.errors import RestoreError
from rebond.operations.physical.reaching import Reach
from rebond.sources.postgres.wal_names import format_lsn
from rebond.sources.postgres_physical.running import Recovered, RecoveredServer

_RECORD_HEAD_BYTES = 64  # the header of a page may lie between the end of a record and the next one


def start_recovered(server: RecoveredServer, reach: Reach) -> Recovered:
    """Start a server whose ``data`` was laid down, and wait until it is where it was to come.

    Raises ``CommandFailed`` when it stops on its way, ``RestoreError`` when it ended its recovery elsewhere.
    """
    server.take_over()
    recovered = server.recover(reach.base.facts.server.floors)
    require_reached(recovered, reach)
    return recovered


def require_reached(recovered: Recovered, reach: Reach) -> None:
    """Compare where a server ended its recovery with where it was to end. Raises ``RestoreError``."""
    least = reach.last_lsn
    if reach.setting == "recovery_target_time":
        least -= _RECORD_HEAD_BYTES  # it stops before that record
        is_beyond = recovered.last_lsn > reach.last_lsn or recovered.last_commit_us > reach.target.number
    else:
        is_beyond = False
    if recovered.last_lsn < least or is_beyond:
        raise RestoreError(
            "The server ended its recovery at {found} and not at {wanted}: it is not what was asked for.",
            hint="Look at the server's log. 'rebond wal status' lists gaps; choose an earlier moment.",
            found=format_lsn(recovered.last_lsn),
            wanted=format_lsn(reach.last_lsn),
        )
