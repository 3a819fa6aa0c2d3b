"""The lines of postgresql.conf that let a server archive, and one that recovers fetch."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rebond.config.components import Postgres

PROGRAM = "rebond-wal"
_LONGEST_TIMEOUT_SECONDS = 60
SLOT = "rebond"


def find_program() -> str:
    """Return where ``rebond-wal`` lies: beside our own program, else on the path, else its name alone."""
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    return beside if os.access(beside, os.X_OK) else shutil.which(PROGRAM) or PROGRAM


def archive_command(
    *, configuration: Path, socket: Path | None = None, component: str = "", program: str | None = None
) -> str:
    """Return the value of ``archive_command``."""
    options = _options(configuration, socket, [("--component", component)] if component else [])
    return _escape([program or find_program(), *options, "push"]) + ' "%p"'


def restore_command(
    *, configuration: Path, socket: Path | None = None, system_id: int = 0, program: str | None = None
) -> str:
    """Return the value of ``restore_command``. Without ``system_id`` the data directory says whose log is wanted."""
    options = _options(configuration, socket, [("--system", str(system_id))] if system_id else [])
    return _escape([program or find_program(), *options, "fetch"]) + ' "%f" "%p"'


def _options(configuration: Path, socket: Path | None, more: Sequence[tuple[str, str]]) -> list[str]:
    pairs = [("--config", str(configuration)), *([("--socket", str(socket))] if socket else []), *more]
    return [word for pair in pairs for word in pair]


def _escape(words: Sequence[str]) -> str:
    """Return words for the shell; PostgreSQL reads a percent sign itself."""
    return shlex.join(words).replace("%", "%%")


def quote_setting(text: str) -> str:
    """Return a value as postgresql.conf takes it."""
    return "'" + text.replace("'", "''") + "'"


def list_settings(component: Postgres, *, command: str, major: int | None = None) -> list[tuple[str, str, str]]:
    """Return name, value and a remark for each setting that this way of keeping the log takes."""
    rpo = component.rpo
    timeout = _LONGEST_TIMEOUT_SECONDS if not rpo else max(1, min(_LONGEST_TIMEOUT_SECONDS, rpo))
    lines = [("wal_level", "replica", "restart")]
    if component.wal == "archive-command":
        lines += [
            ("archive_mode", "on", "restart"),
            ("archive_command", quote_setting(command), "reload"),
            ("archive_timeout", f"{timeout}s", "reload"),
        ]
    else:
        lines += [
            ("max_wal_senders", "10", "restart"),
            ("max_replication_slots", "10", "restart"),
            ("max_slot_wal_keep_size", "20GB", "reload"),
        ]
    if major is None or major >= 17:
        lines.append(("summarize_wal", "on", "reload"))
    if component.wal == "receive" and (major is None or major >= 18):
        lines.append(("idle_replication_slot_timeout", "0", "reload"))
    return lines
