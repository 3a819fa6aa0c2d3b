"""Putting files where other programs look for them: first a plan, then carrying it out, as often as one likes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebond.durable_files import DISK, fsync_directory, make_directories_durably, replace_durably, temporary_path
from rebond.errors import Refused
from rebond.schedule.written_files import Origin, judge_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToWrite:
    """One file. ``keep_as`` is another name that what is there gets first."""

    path: Path
    text: str
    mode: int = 0o644
    keep_as: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is going to be done; nothing has happened yet.

    ``first`` is run before anything, ``commands`` last. ``put_back`` are files that get the second name, ``notes``
    commands that somebody has to run elsewhere.
    """

    first: tuple[tuple[str, ...], ...] = ()
    written: tuple[FileToWrite, ...] = ()
    gone: tuple[Path, ...] = ()
    put_back: tuple[tuple[Path, Path], ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def changes_files(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.written or self.gone or self.put_back)


def read_origin(path: Path) -> Origin | None:
    """Return who wrote a file; ``None`` when there is none. Raises ``OSError``."""
    try:
        return judge_text(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        return None


def plan_files(wanted: Mapping[Path, str], *, stale: Sequence[Path] = ()) -> Installation:
    """Plan to write what is not there yet, and to remove what is ours and wanted no more.

    Raises ``Refused`` where a file is somebody else's, or was changed by hand.
    """
    written = []
    for path, text in wanted.items():
        origin = read_origin(path)
        if origin is None:
            written.append(FileToWrite(path=path, text=text))
        elif origin is not Origin.OURS:
            raise refuse(path, origin)
        elif path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            written.append(FileToWrite(path=path, text=text))
    return Installation(written=tuple(written), gone=plan_removal([each for each in stale if each not in wanted]).gone)


def plan_removal(paths: Sequence[Path]) -> Installation:
    """Plan to remove files of ours; those that are not there are no trouble. Raises ``Refused`` for changed ones."""
    gone = []
    for path in paths:
        origin = read_origin(path)
        if origin is Origin.CHANGED:
            raise refuse(path, origin)
        if origin is Origin.OURS:
            gone.append(path)
    return Installation(gone=tuple(gone))


def refuse(path: Path, origin: Origin) -> Refused:
    """Return why a file is not touched."""
    if origin is Origin.FOREIGN:
        return Refused(
            "{path} was not written by Rebond, so it stays as it is.",
            hint="Move it away, then run the same command again.",
            path=str(path),
        )
    return Refused(
        "{path} was changed by hand after Rebond wrote it, so it stays as it is.",
        hint="Keep your lines elsewhere (systemd: a drop-in), move the file away, then run the same command again.",
        path=str(path),
    )


def apply_files(plan: Installation) -> None:
    """Write, put back and remove what the plan says. Raises ``OSError``; may be run again then."""
    for each in plan.written:
        make_directories_durably(os.fspath(each.path.parent), mode=0o755)
        if each.keep_as is not None:
            _keep(each.path, each.keep_as)
        replace_durably(os.fspath(each.path), each.text.encode("utf-8", "surrogateescape"), mode=each.mode)
    for source, target in plan.put_back:
        os.replace(source, target)
        fsync_directory(os.fspath(target.parent))
    for path in plan.gone:
        path.unlink(missing_ok=True)
        fsync_directory(os.fspath(path.parent))


def _keep(path: Path, keep_as: Path) -> None:
    """Give a file a second name, so that it is never without one of the two."""
    temporary = temporary_path(os.fspath(path.parent))
    DISK.link(os.fspath(path), temporary)
    DISK.replace(temporary, os.fspath(keep_as))
    fsync_directory(os.fspath(path.parent))
