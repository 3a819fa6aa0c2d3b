"""The application of a stack in a drill: started from what came back, asked, and ended with all it started."""

import contextlib
import json
import os
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rebond.clock import Clock
from rebond.config.model import Loaded
from rebond.config.steps import Drilling, Run
from rebond.errors import CommandFailed, SourceUnfit
from rebond.logs.masking import mask
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.secret import Secret
from rebond.sources.streams.shells import wrap_script
from rebond.stack.drills import application_process
from rebond.stack.drills.surroundings import (
    Surroundings,
    find_entrance,
    require_no_engine,
    require_nothing_live,
    require_nothing_written,
)
from rebond.stack.whereabouts import words_of
from rebond.subprocesses import RunningCommand

NAME = "application"
LOG = "application.log"
_TRY_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.05
_SPARE_SECONDS = 5.0  # what the process beside it may take longer than the application
_CANNOT_START = frozenset({126, 127})  # what a shell says of a program that is not there, or may not run
_WORDS, _LINES = 800, 6
_BLOCK = 1 << 16
_BAD = 500  # from here on a status says that the server is not well


class Application:
    """A stage of a drill. ``start`` brings it up, ``ask`` asks it, ``close`` ends it; the drill's end does too."""

    def __init__(
        self,
        run: Run,
        *,
        ready: str,
        within_seconds: float,
        find_surroundings: Callable[[], Surroundings],
        clock: Clock,
        way_out: str = "",
    ) -> None:
        """``ready`` is the address that answers when it is up; empty: as soon as its port takes connections.

        With a ``way_out``, which is what in it leads to production, it is not started.
        """
        self._run = run
        self._way_out = way_out
        self._ready = ready
        self._within_seconds = within_seconds
        self._find_surroundings = find_surroundings
        self._clock = clock
        self._command: RunningCommand | None = None
        self._around: Surroundings | None = None
        self._log = Path()
        self._said = b""
        self._port = 0
        self.is_standing = False
        self.is_planned = False

    def plan(self) -> Question:
        """Return the question that starts it."""
        self.is_planned = True
        return Question(code="started", subject=NAME, ask=self.start, brings_up=True)

    def begin(self) -> None:
        """There is nothing to make beforehand: it is started from what came back."""

    def close(self) -> None:
        """End it and whatever it started; may be called twice."""
        self.is_standing = False
        command, self._command = self._command, None
        if command is not None:
            command.end_input()
            command.end_after(2 * _SPARE_SECONDS)
            with contextlib.suppress(OSError):
                while command.readinto(memoryview(bytearray(_BLOCK))):
                    pass
            command.end()

    def start(self) -> Iterator[Check]:
        """Start it and wait until it answers. Raises ``CommandFailed``, or ``SourceUnfit`` where it cannot run here."""
        if self._way_out:
            raise SourceUnfit(
                "The application was not started: {way} leads out of the drill, to the servers that are live here.",
                hint="Leave it out: variables lead to what came back, and the drill's own user may use it. If it asks "
                "nothing of production: trusted = true, under [drill].",
                way=self._way_out,
            )
        around = self._around = self._find_surroundings()
        self._log = Path(around.variables["TMPDIR"]) / LOG
        words = wrap_script(self._run, around.variables) if isinstance(self._run, str) else self._run
        self._command = RunningCommand(
            around.wrap([sys.executable, "-I", application_process.__file__, str(self._log), *words]),
            environment=around.variables,
            directory=str(around.directory),
            keeps_input=True,
            given=Secret(b""),
        )
        began = self._clock.monotonic()
        hello = self._hear(_TRY_SECONDS + _SPARE_SECONDS)
        if "reason" in hello:
            raise _say_unfit(str(hello["reason"]))
        self._port = int(hello["port"])
        while (reason := self._find_reason()) is not None:
            if self._clock.monotonic() - began > self._within_seconds:
                require_nothing_live(around.read_asked())
                require_nothing_written(self._last_words(), around)
                raise CommandFailed(
                    "The application did not answer within {seconds} s: {reason}; it said: {words}",
                    hint="It has to listen on 127.0.0.1 at $PORT; give it more time: within, under [drill].",
                    seconds=round(self._within_seconds),
                    reason=reason,
                    words=self._last_words(),
                )
            self._clock.sleep(_LOOK_EVERY_SECONDS)
        self.is_standing = True
        yield Check(
            code="started",
            subject=NAME,
            answer=Answer.PASS,
            template="The application was started from what came back, and answers after {seconds} s.",
            values={"seconds": round(self._clock.monotonic() - began, 1)},
        )

    def ask(self, url: str, *, status: int, timeout_seconds: float) -> None:
        """Ask an address of it, wherever its host leads else. Raises ``CommandFailed`` unless it has ``status``."""
        if not self.is_standing:
            raise SourceUnfit(
                "The application does not run, so it was not asked.", hint="See above why it was not started."
            )
        answer = self._talk(_describe(url, timeout_seconds))
        if "ended" in answer:
            raise self._tell_end(answer["ended"])
        if "reason" in answer:
            raise CommandFailed(
                "{url} does not answer: {reason}; the application said: {words}",
                hint="Start it by hand with the same files, and ask it the same.",
                url=url,
                reason=answer["reason"],
                words=self._last_words(),
            )
        if answer["status"] != status:
            raise CommandFailed(
                "{url} answers with {found} instead of {status}; the application said: {words}",
                hint="Start it by hand with the same files, and ask it the same.",
                url=url,
                found=answer["status"],
                status=status,
                words=self._last_words(),
            )

    def lead_there(self, around: Surroundings) -> Surroundings:
        """Return surroundings from which it can be reached, if it runs: ``PORT`` and ``REBOND_DRILL_URL`` say where."""
        if not self.is_standing or self._command is None:
            return around
        entrance = find_entrance(around, self._command.pid) if around.is_cut_off else around.wrapper
        if entrance is None:
            return around
        found = {"PORT": str(self._port), "REBOND_DRILL_URL": f"http://127.0.0.1:{self._port}"}
        return replace(around, variables={**around.variables, **found}, wrapper=entrance)

    def _find_reason(self) -> str | None:
        """Return why it is not up yet; ``None`` when it is. Raises ``CommandFailed`` when it has ended."""
        asked = {"path": None, "seconds": _TRY_SECONDS} if not self._ready else _describe(self._ready, _TRY_SECONDS)
        answer = self._talk(asked)
        if "ended" in answer:
            raise self._tell_end(answer["ended"])
        if "reason" in answer:
            return str(answer["reason"])
        return f"HTTP {answer['status']}" if answer["status"] >= _BAD else None

    def _tell_end(self, status: int) -> CommandFailed | SourceUnfit:
        self.is_standing = False
        if status in _CANNOT_START:
            return _say_unfit(self._last_words())
        require_no_engine(self._last_words())
        if self._around is not None:
            require_nothing_live(self._around.read_asked())
            require_nothing_written(self._last_words(), self._around)
        return CommandFailed(
            "The application ended with status {status} and said: {words}",
            hint="Start it by hand from what came back: rebond restore --to DIR. It must stay in the foreground.",
            status=status,
            words=self._last_words(),
        )

    def _talk(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request to the process beside it and return the answer. Raises ``CommandFailed`` when it is gone."""
        assert self._command is not None  # noqa: S101 - it was started
        try:
            self._command.feed(json.dumps(request).encode() + b"\n", seconds=_SPARE_SECONDS)
        except (BrokenPipeError, TimeoutError):
            raise self._tell_loss() from None
        return self._hear(request["seconds"] + _SPARE_SECONDS)

    def _hear(self, seconds: float) -> dict[str, Any]:
        assert self._command is not None  # noqa: S101 - as above
        end = self._clock.monotonic() + seconds
        block = memoryview(bytearray(_BLOCK))
        while b"\n" not in self._said:
            left_seconds = max(0.0, end - self._clock.monotonic())
            count = self._command.readinto(block) if self._command.has_output(left_seconds) else 0
            if not count:
                raise self._tell_loss()
            self._said += block[:count]
        line, _, self._said = self._said.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _tell_loss(self) -> CommandFailed:
        self.is_standing = False
        words = self._command.last_words() if self._command is not None else ""
        self.close()
        return CommandFailed(
            "The application could not be watched any longer, and was ended: {words}",
            hint="Run the drill again; see how much memory this machine has left.",
            words=mask(words) or "–",
        )

    def _last_words(self) -> str:
        """Return the last lines of what it said, joined by " | "."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _WORDS))
                lines = file.read().decode(errors="backslashreplace").splitlines()
        except OSError:
            return "–"
        return mask(" | ".join([each.strip() for each in lines if each.strip()][-_LINES:])) or "–"


def find_ready(loaded: Loaded, drilling: Drilling) -> str:
    """Return the address that answers when an application is up; empty for none, or one that leads nowhere."""
    healthy = loaded.configuration.restore.healthy if loaded.configuration.restore else ()
    wanted = drilling.ready or next((each.url for each in healthy if each.url is not None), None)
    return words_of(wanted, loaded)


def _describe(url: str, seconds: float) -> dict[str, Any]:
    """Return the request for an address, without its host and port: the application is told of them only."""
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url.lstrip('/')}" if url[:1] != "/" else url)
    headers = {"User-Agent": "rebond"}
    if parts.netloc:
        headers["Host"] = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https":  # what stands before it in production has taken the encryption off
        headers["X-Forwarded-Proto"] = "https"
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return {"path": path, "headers": headers, "seconds": seconds}


def _say_unfit(words: str) -> SourceUnfit:
    return SourceUnfit(
        "The application could not be started here: {words}",
        hint="Install what it needs on the machine that drills, or write it with a path below the stack's root.",
        words=words,
    )
