"""Live SQLite databases as a tree: each file of it is a checked copy."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rebond.clock import Clock
from rebond.errors import SourceUnfit
from rebond.sources.files.describing import Describer
from rebond.sources.files.paths import show_path
from rebond.sources.files.rule_files import Report
from rebond.sources.sqlite.copying import Ask, check_is_file
from rebond.sources.sqlite.listing import SqliteListing
from rebond.sources.sqlite.private_files import choose_place

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRules:
    """How copies are made. A lock is waited for ``timeout_seconds``; ``place`` else is ``TMPDIR`` or ``/var/tmp``."""

    timeout_seconds: float = TIMEOUT_SECONDS
    place: str | None = None
    allow_empty: bool = False


COMMON_RULES = CopyRules()


class SqliteTree:
    """Databases with their own names, modes, owners and times. Implements ``rebond.entries.Tree``.

    ``databases`` are the files by where they lie in the tree. Each is copied when its turn comes, as of
    that moment; see ``copied_database`` for what it raises. One that cannot be copied ends the walk. An empty
    file raises ``SourceUnfit`` unless the rules allow it.
    """

    def __init__(
        self,
        databases: Mapping[bytes, bytes],
        *,
        clock: Clock,
        report: Report,
        rules: CopyRules = COMMON_RULES,
        ask: Ask | None = None,
    ) -> None:
        """``ask`` is called with a connection to each copy, which can only be read, before it is saved."""
        self._databases = {path: os.path.abspath(file) for path, file in databases.items()}
        self._clock = clock
        self._describer = Describer(report)
        self._rules = rules
        self._ask = ask

    @classmethod
    def of_file(cls, path: bytes, *, clock: Clock, report: Report, rules: CopyRules = COMMON_RULES) -> "SqliteTree":
        """Return the tree of one database, under its own name."""
        return cls({os.path.basename(os.path.abspath(path)): path}, clock=clock, report=report, rules=rules)

    def listings(self) -> Iterator[SqliteListing]:
        """Yield every directory that leads to a database, depth first; raise what kept a copy from being made."""
        if not self._databases:
            raise SourceUnfit(
                "There is no SQLite database to save.", hint="Check the paths; * fits only what is there."
            )
        for file in self._databases.values():
            self._check(file)
        for directory in sorted(self._find_directories(), key=lambda path: path.split(b"/") if path else []):
            files = {
                os.path.basename(path): file
                for path, file in sorted(self._databases.items())
                if os.path.dirname(path) == directory
            }
            listing = SqliteListing(
                directory,
                files,
                self._find_real_directory(directory),
                describer=self._describer,
                clock=self._clock,
                timeout_seconds=self._rules.timeout_seconds,
                place=choose_place(self._rules.place),
                ask=self._ask,
            )
            try:
                yield listing
                listing.judge()
            finally:
                listing.close()

    def _check(self, file: bytes) -> None:
        if not check_is_file(file).st_size and not self._rules.allow_empty:
            raise SourceUnfit(
                "The database {path} is an empty file.",
                hint="Check the path; allow_empty saves it all the same.",
                path=show_path(file),
            )

    def _find_directories(self) -> set[bytes]:
        found = {b""}
        for path in self._databases:
            parts = path.split(b"/")[:-1]
            found |= {b"/".join(parts[: count + 1]) for count in range(len(parts))}
        return found

    def _find_real_directory(self, directory: bytes) -> bytes:
        """Return the directory on disk that stands behind one of the tree; empty for the root, which is ours."""
        for path, file in self._databases.items():
            if directory and path.startswith(directory + b"/"):
                below = path[len(directory) + 1 :].count(b"/") + 1
                return file.rsplit(b"/", below)[0] or b"/"
        return b""
