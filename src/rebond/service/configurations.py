"""The configuration that the service lives by, and when it is read anew."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from rebond.config.loading import Verdict
from rebond.config.model import Loaded
from rebond.errors import ConfigError, RebondError
from rebond.wording import fill

Load = Callable[[], Verdict]
Stamp = tuple[tuple[str, int, int, int], ...]


class Configurations:
    """Keeps the last configuration that could be used. ``fault`` says what is wrong with a newer one."""

    def __init__(self, load: Load, keep: Callable[[Verdict, Loaded], None]) -> None:
        """``keep`` is given each one that can be used.

        Raises ``ConfigError`` when it cannot be used from the beginning.
        """
        self._load = load
        self._keep = keep
        verdict = load()
        if verdict.loaded is None:
            raise ConfigError(
                "The configuration {path} cannot be used: {reason}",
                hint="'rebond config check' lists all of it.",
                path=str(verdict.path),
                reason=_describe(verdict),
            )
        self.current: Loaded = verdict.loaded
        keep(verdict, verdict.loaded)
        self.fault = ""
        self._files = verdict.files
        self._stamp = _stamp(self._files)

    def look(self, *, is_asked: bool = False) -> bool:
        """Read it anew when a file has changed or somebody asks; return whether that was done.

        A configuration that cannot be used changes nothing but ``fault``.
        """
        stamp = _stamp(self._files)
        if stamp == self._stamp and not is_asked:
            return False
        self._stamp = stamp
        try:
            verdict = self._load()
        except RebondError as error:
            self.fault = error.message
            return True
        self._files = verdict.files or self._files
        self._stamp = _stamp(self._files)
        if verdict.loaded is None:
            self.fault = _describe(verdict)
            return True
        self.current, self.fault = verdict.loaded, ""
        self._keep(verdict, verdict.loaded)
        return True


def _stamp(files: tuple[Path, ...]) -> Stamp:
    facts = []
    for each in files:
        with contextlib.suppress(OSError):
            status = os.stat(each)
            facts.append((str(each), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(facts)


def _describe(verdict: Verdict) -> str:
    faults = [each for each in verdict.problems if not each.is_warning]
    return "; ".join(f"{each.place}: {fill(each.error.template, each.error.values)}" for each in faults)
