"""The configuration that the service lives by, and when it is read anew."""

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from rebond.config.documents import find_included
from rebond.config.loading import Verdict
from rebond.config.model import Loaded
from rebond.errors import ConfigError, RebondError
from rebond.wording import fill

Load = Callable[[], Verdict]
LOG = logging.getLogger("rebond.service")
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
        self._verdict = verdict
        self._stamp = self._look_at_files()

    def look(self, *, is_asked: bool = False) -> bool:
        """Read it anew when a file has changed or somebody asks; return whether that was done.

        A configuration that cannot be used changes nothing but ``fault``.
        """
        stamp = self._look_at_files()
        if stamp == self._stamp and not is_asked:
            return False
        self._stamp = stamp
        try:
            verdict = self._load()
        except RebondError as error:
            self.fault = error.message
            return True
        except Exception as error:
            LOG.exception("the configuration cannot be read")
            self.fault = f"{type(error).__name__}: {error}"
            return True
        is_what_was_read = self._look_at_files() == stamp
        self._verdict, self.current = verdict, verdict.loaded or self.current
        self._stamp = self._look_at_files() if is_what_was_read else ()  # else it is read once more
        self.fault = _describe(verdict) if verdict.loaded is None else ""
        if verdict.loaded is not None:
            self._keep(verdict, verdict.loaded)
        return True

    def _look_at_files(self) -> Stamp:
        """Return what changes with each file that was read, with one that would be read now, and with variables."""
        document, stack = self._verdict.document, self.current.configuration.stack
        patterns = document.get("include") if isinstance(document, dict) else None
        included = [
            each
            for pattern in (patterns if isinstance(patterns, list) else [])
            if isinstance(pattern, str)
            for each in find_included(self._verdict.path, pattern)
        ]
        return _stamp((*self._verdict.files, *included, *(self.current.root / each for each in stack.env)))


def _stamp(files: tuple[Path, ...]) -> Stamp:
    facts = []
    for each in dict.fromkeys(files):
        with contextlib.suppress(OSError, ValueError):  # a name may hold what no file's can
            status = os.stat(each)
            facts.append((str(each), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(facts)


def _describe(verdict: Verdict) -> str:
    faults = [each for each in verdict.problems if not each.is_warning]
    return "; ".join(f"{each.place}: {fill(each.error.template, each.error.values)}" for each in faults)
