"""A saved data directory that is started as a throw-away server, to be asked what it holds."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import CommandFailed
from rebond.sources.postgres.catalogue import RECOVERED
from rebond.sources.postgres.local_programs import ServerPrograms
from rebond.sources.postgres.own_server import SUPERUSER, OwnServer
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.throw_away import LOG

_RULES = "local all all trust\nlocal replication all trust\n"
_TAIL_BYTES = 16 << 10
_HAS_LEFT = b"database system is shut down"
_PATIENCE_SECONDS = 600.0  # without any progress of the replay
_LOOK_EVERY_SECONDS = 0.05
_ASK = """SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), '0/0'),
  coalesce((extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint, 0),
  CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() ELSE '' END,
  (SELECT timeline_id FROM pg_control_checkpoint())"""
_LEAST: Mapping[str, str] = {
    "wal_level": "replica",
    "hot_standby": "on",
    "port": "5432",
    "huge_pages": "try",
    "unix_socket_group": "",
    "unix_socket_permissions": "0777",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "log_destination": "stderr",
    RECOVERED: "on",
}


class Recovered(Struct, frozen=True, kw_only=True):
    """What a server says once its recovery has ended. ``last_lsn`` is the end of what it replayed.

    ``last_commit_us`` is the time of the last transaction that it replayed, from 1970, UTC; 0 for none.
    """

    last_lsn: int
    last_commit_us: int
    timeline: int
    is_promoted: bool
    seconds: float


class RecoveredServer(OwnServer):
    """A server in ``folder``, whose ``data`` somebody lays down before it is started."""

    def __init__(
        self,
        folder: Path,
        programs: ServerPrograms,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        superuser: str = SUPERUSER,
        mark: str = "",
    ) -> None:
        """``superuser`` is a role of the saved cluster that may do everything."""
        super().__init__(folder, programs, environment=environment, clock=clock, mark=mark)
        self._superuser = superuser

    @property
    def superuser(self) -> str:
        """The role of the saved cluster that may do everything."""
        return self._superuser

    def connection(self, database: str) -> str:
        """Return the connection to a database as ``libpq`` reads it."""
        name, user = (each.replace("\\", "\\\\").replace("'", "\\'") for each in (database, self._superuser))
        return f"host='{self.folder}' port=5432 user='{user}' dbname='{name}'"

    def take_over(self) -> None:
        """Let everything that was laid down belong to whom the server runs as, and let us in."""
        rules = self.folder / "pg_hba.conf"
        rules.write_text(_RULES)
        (self.folder / "pg_ident.conf").write_text("")
        if self.owner is None:
            return
        known = pwd.getpwnam(self.owner)
        for top, folders, files in os.walk(self.folder):
            for name in (".", *folders, *files):
                os.lchown(os.path.join(top, name), known.pw_uid, known.pw_gid)

    def recover(self, floors: Mapping[str, str]) -> Recovered:
        """Start it, and wait for the end of its recovery; ``floors`` are settings that may not be lower.

        Its exit status is not believed, nor that it answers: only what it says of itself afterwards. Raises
        ``CommandFailed`` with its last words when it stops instead.
        """
        began = self._clock.monotonic()
        places = {
            "data_directory": str(self.data),
            "hba_file": str(self.folder / "pg_hba.conf"),
            "ident_file": str(self.folder / "pg_ident.conf"),
        }
        self.start({**_LEAST, **floors, **places}, patience_seconds=_PATIENCE_SECONDS)
        last, since = -1, self._clock.monotonic()
        while True:
            found = self._look(began)
            if found is not None and (found.is_promoted or self._is_paused):
                return found
            lsn = found.last_lsn if found is not None else last
            if lsn != last:
                last, since = lsn, self._clock.monotonic()
            if not self._is_alive() or self._clock.monotonic() > since + _PATIENCE_SECONDS:
                raise CommandFailed(
                    "The server did not come to the end of its recovery: {words}",
                    hint="'rebond wal status' lists gaps; choose an earlier moment, or another snapshot.",
                    words=self.last_words() or "–",
                )
            self._clock.sleep(_LOOK_EVERY_SECONDS)

    def _is_alive(self) -> bool:
        """Say whether it may still come: its log says when it has left, whatever follows that."""
        try:
            with (self.folder / LOG).open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - _TAIL_BYTES))
                tail = log.read()
        except OSError:  # nothing was written yet
            return True
        return _HAS_LEFT not in tail and super()._is_alive()

    _is_paused = False

    def _look(self, began: float) -> Recovered | None:
        try:
            answer = self.ask(_ASK, "template1").strip().split("|")
        except CommandFailed:  # it is going down: its log says why
            return None
        self._is_paused = answer[3] == "paused"
        return Recovered(
            last_lsn=parse_lsn(answer[1]),
            last_commit_us=int(answer[2]),
            timeline=int(answer[4]),
            is_promoted=answer[0] == "f",
            seconds=self._clock.monotonic() - began,
        )
