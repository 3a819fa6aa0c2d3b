"""A run as a process of its own. It outlives a service that is killed, and then ends as it would have ended."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rebond.durable_files import DIRECTORY_MODE
from rebond.schedule.jobs import Job
from rebond.subprocesses import RunningCommand

OUTPUT = "output"
_KEPT_BYTES = 1_000_000
_TOLD = 3  # findings in one line of the log; the answer and the history have all
# Its words go to files, not to us: a pipe would break with us, and the run at its next word. A disk on which no file
# can be made costs the words, not the run.
_SCRIPT = """
out=$1 err=$2; shift 2
if ! (umask 077; : > "$out") 2> /dev/null; then out=/dev/null; fi
if ! (umask 077; : > "$err") 2> /dev/null; then err=/dev/null; fi
exec "$@" > "$out" 2> "$err"
"""


class Child:
    """One run of one job. Raises ``CommandFailed`` when it cannot be started."""

    def __init__(
        self,
        job: Job,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        notice_end: Callable[[], None],
    ) -> None:
        self.job = job
        self.status: int | None = None
        folder = folder / OUTPUT
        with contextlib.suppress(OSError):  # without it the words are lost
            folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self._out, self._err = (folder / f"{job.name}.{end}" for end in ("out", "err"))
        self._notice_end = notice_end
        self._running = RunningCommand(
            ("/bin/sh", "-c", _SCRIPT, "sh", os.fspath(self._out), os.fspath(self._err), *command),
            environment=environment,
        )
        self.pid = self._running.pid
        self._waiter = threading.Thread(target=self._wait, name=f"run of {job.name}", daemon=True)
        self._waiter.start()

    def _wait(self) -> None:
        status = self._running.wait()
        self._running.end()
        self.status = status
        self._notice_end()

    def interrupt(self) -> None:
        """Ask it to stop, make it when it does not, and wait for its end: some ten seconds at most."""
        self._running.end()
        self._waiter.join(timeout=10)

    def document(self) -> Mapping[str, object]:
        """Return the answer that it wrote; empty where there is none that can be read."""
        try:
            with self._out.open("rb") as file:
                document = json.loads(file.read(_KEPT_BYTES))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def why(self) -> str:
        """Say why it did not end well: its error, else what it found, else the end of what it wrote."""
        document = self.document()
        error = document.get("error")  # a run that answers in JSON says there why it failed
        if isinstance(error, dict):
            return str(error.get("message", ""))
        found = [
            str(each["message"])
            for key in ("problems", "findings")
            for each in _list_of(document.get(key))
            if isinstance(each, dict) and each.get("message")
        ]
        if not found:
            return self.last_words()
        more = (f"and {len(found) - _TOLD} more",) if len(found) > _TOLD else ()
        return " | ".join((*found[:_TOLD], *more))

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error, as one line."""
        try:
            text = self._err.read_bytes()[-_KEPT_BYTES // 1000 :].decode(errors="backslashreplace")
        except OSError:
            return ""
        return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def _list_of(value: object) -> list[object]:
    return value if isinstance(value, list) else []
