"""Key files and ``.env`` files, read into memory: each is private in the snapshot, whatever it was."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Document
from rebond.sources.files.noticing import notice_fault
from rebond.sources.files.paths import show_path

Report = Callable[[Finding], None]
MOST_BYTES = 64 << 20
_ATTEMPTS = 3
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class SecretFiles:
    """Reads files below ``top``. What a link leads to is read; in a directory that was named, everything is."""

    def __init__(self, top: bytes, report: Report) -> None:
        self._top = top
        self._report = report
        self._left_bytes = MOST_BYTES

    def read(self, paths: Iterable[bytes]) -> dict[bytes, Document]:
        """Return the files by their paths relative to ``top``. What cannot be read is reported.

        Raises ``SourceUnfit`` when they are too much to be secrets.
        """
        found = {}
        for path in sorted(set(paths)):
            for each in self._list(path):
                document = self._read_file(os.path.join(self._top, each))
                if document is not None:
                    found[each] = document
        return found

    def _list(self, path: bytes) -> Iterator[bytes]:
        full = os.path.join(self._top, path)
        if not os.path.isdir(full):
            yield path
            return
        for folder, directories, names in os.walk(full, onerror=self._tell):
            directories.sort()
            for name in directories:
                if os.path.islink(os.path.join(folder, name)):
                    self._report(_not_entered(os.path.join(folder, name)))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), self._top)

    def _tell(self, error: OSError) -> None:
        self._report(notice_fault(os.fsencode(error.filename or self._top), error))

    def _read_file(self, path: bytes) -> Document | None:
        """Return a file of one moment: one that changes while it is read is read again."""
        try:
            for _ in range(_ATTEMPTS):
                with contextlib.closing(_Opened(path)) as opened:
                    before = os.fstat(opened.fd)
                    if not stat.S_ISREG(before.st_mode):
                        self._report(_no_file(path))
                        return None
                    self._spend(path, before.st_size)
                    content = opened.read(before.st_size + 1)
                    after = os.fstat(opened.fd)
                if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, len(content)):
                    return _make_document(content, after)
        except OSError as error:
            self._report(_broken_link(path) if os.path.islink(path) else notice_fault(path, error))
            return None
        self._report(_unsteady(path))
        return _make_document(content, after)

    def _spend(self, path: bytes, size: int) -> None:
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise SourceUnfit(
                "{path} and what comes before it are more than {count} bytes, which is too much for secrets.",
                hint="Name the files themselves, or save it as a component of the kind files.",
                path=show_path(path),
                count=MOST_BYTES,
            )


class _Opened:
    def __init__(self, path: bytes) -> None:
        self.fd = os.open(path, _FLAGS)

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes."""
        pieces, left = [], size
        while left and (piece := os.read(self.fd, left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Give it back."""
        os.close(self.fd)


def _make_document(content: bytes, status: os.stat_result) -> Document:
    return Document(content=content, modified_ns=status.st_mtime_ns, owner=(status.st_uid, status.st_gid))


def _no_file(path: bytes) -> Finding:
    return Finding(
        code="unreadable",
        severity=Severity.WARNING,
        subject=show_path(path),
        template="{path} is no file, and is not among the secrets.",
        hint_template="Take it out of the paths of the component.",
        values={"path": show_path(path)},
    )


def _broken_link(path: bytes) -> Finding:
    return Finding(
        code="unreadable",
        severity=Severity.WARNING,
        subject=show_path(path),
        template="{path} is a link to something that is not there or may not be read, and is not among the secrets.",
        hint_template="Mend the link, or take it out of the paths of the component.",
        values={"path": show_path(path)},
    )


def _not_entered(path: bytes) -> Finding:
    return Finding(
        code="not-entered",
        severity=Severity.WARNING,
        subject=show_path(path),
        template="{path} is a link to a directory: it is not entered, and what lies there is not among the secrets.",
        hint_template="Name the directory itself among the paths.",
        values={"path": show_path(path)},
    )


def _unsteady(path: bytes) -> Finding:
    return Finding(
        code="changed",
        severity=Severity.WARNING,
        subject=show_path(path),
        template="{path} changed each time that it was read; what is saved may be half of one and half of another.",
        hint_template="Run the backup again.",
        values={"path": show_path(path)},
    )
