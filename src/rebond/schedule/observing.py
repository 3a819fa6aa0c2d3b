"""What jobs that wait for something look at: files that change, calls of commits, the start of the machine."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rebond.clock import Clock
from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Secrets, Sqlite, Versioned
from rebond.config.model import Loaded
from rebond.schedule.calling import Calls
from rebond.schedule.deciding import Signs
from rebond.schedule.heads import describe_head
from rebond.schedule.jobs import Job
from rebond.schedule.records import Records
from rebond.schedule.watched_paths import WatchedPath
from rebond.sources.sqlite.companions import JOURNAL, LOG

REST_OF_DATABASES_MS = 20_000  # between two runs for changes: programs write to a database all day
UNSEEN_EVERY_MS = 300_000  # what no file shows is looked at by a run, so often unless a class says otherwise
_BESIDE_DATABASES = tuple(map(os.fsdecode, (LOG, JOURNAL)))  # whoever writes to a database writes to one of them


class Observer:
    """Looks at the signs of one stack's jobs."""

    def __init__(self, loaded: Loaded, folder: Path, clock: Clock) -> None:
        self._loaded = loaded
        self._folder = folder
        self._clock = clock

    def __call__(self, job: Job) -> Signs:
        """Return what the job looks at, as it is now."""
        match job.trigger:
            case "commit":
                is_called = bool(Calls.look(self._folder, job.class_name).found)
                return Signs(is_called=is_called, state=self._describe_heads(job.class_name))
            case "change":
                is_of_databases = bool(list_watched_databases(self._loaded, job.class_name))
                rest_ms = REST_OF_DATABASES_MS if is_of_databases else 0
                return Signs(state=self._describe_sources(job.class_name), rest_ms=rest_ms)
            case "start":
                return Signs(state=describe_start())
            case "each":
                return Signs(before=Records(self._folder).read(job.class_name))
        return Signs()

    def _describe_heads(self, class_name: str) -> str:
        """A hook may be gone, or have found the disk full: the commit itself is looked at as well."""
        folders = dict.fromkeys(list_folders(self._loaded, class_name))
        return "; ".join(filter(None, map(describe_head, folders)))

    def _describe_sources(self, class_name: str) -> str:
        state = describe_files(list_watched_paths(self._loaded, class_name))
        if has_unseen_sources(self._loaded, class_name):
            look_seconds = self._loaded.configuration.classes[class_name].look
            every_ms = look_seconds * 1000 if look_seconds else UNSEEN_EVERY_MS
            state += f" {self._clock.now_ms() // every_ms}"
        return state


def list_watched_paths(loaded: Loaded, class_name: str) -> list[WatchedPath]:
    """Return the paths and patterns whose files a class saves."""
    root = str(loaded.root)
    return [WatchedPath(root, path) for each in _members(loaded, class_name) for path in _paths_of(each)]


def list_watched_databases(loaded: Loaded, class_name: str) -> list[WatchedPath]:
    """Return those of the watched paths that name databases of SQLite, which are written to without being closed."""
    databases = [each for each in _members(loaded, class_name) if isinstance(each, Sqlite)]
    return [WatchedPath(str(loaded.root), path) for each in databases for path in _paths_of(each)]


def list_databases_beside(path: str) -> tuple[str, ...]:
    """Return where SQLite commits for a database: the file itself, and the logs beside what it leads to."""
    place = os.path.realpath(path)
    return (path, *(place + end for end in _BESIDE_DATABASES))


def list_folders(loaded: Loaded, class_name: str) -> list[str]:
    """Return the folders of this machine in which a class has files or working trees."""
    return list_folders_of(loaded, _members(loaded, class_name))


def list_folders_of(loaded: Loaded, components: Iterable[Component]) -> list[str]:
    """Return the folders of this machine in which components have files or working trees."""
    paths = [
        path
        for each in components
        if isinstance(each, Files | Versioned) and not each.inside and not each.volume
        for path in (*((each.path,) if each.path else ()), *(each.paths if isinstance(each, Files) else ()))
    ]
    found = (os.path.join(loaded.root, each) for each in paths)
    return list(dict.fromkeys(each if os.path.isdir(each) else os.path.dirname(each) for each in found))


def has_unseen_sources(loaded: Loaded, class_name: str) -> bool:
    """Say whether a class saves something that no file of this machine shows, such as the Secrets of a cluster."""
    return any(
        not isinstance(each, NOTHING_TO_SAVE)
        and (not _paths_of(each) or (isinstance(each, Secrets) and bool(each.kubernetes or each.hashicorp)))
        for each in _members(loaded, class_name)
    )


def is_older_than(loaded: Loaded, class_name: str, moment_ms: float, *, since_ms: float = 0) -> bool:
    """Say whether every file that a class watches is there and was last touched before a moment of this machine.

    And not before another one, which is ``since_ms``.

    ``False`` too where what it saves shows in no file, or lies in a folder that cannot be read. A file that was
    deleted, of those that only a pattern names, counts for nothing: no work is lost with it.
    """
    if has_unseen_sources(loaded, class_name):
        return False
    try:
        return all(_is_pattern_older(each, moment_ms, since_ms) for each in list_watched_paths(loaded, class_name))
    except OSError:
        return False  # nobody knows what lies in a folder that cannot be read


def _is_pattern_older(watched: WatchedPath, moment_ms: float, since_ms: float) -> bool:
    """Raises ``OSError`` where a folder cannot be read."""
    if not watched.is_pattern:
        if not os.path.exists(watched.whole):
            return False
    else:
        _require_readable_folders(watched)
    return all(
        since_ms <= _touched_ms(each) < moment_ms for path in watched.find() for each in _walk(path, watched, _raise)
    )


def _require_readable_folders(watched: WatchedPath) -> None:
    """Raise ``OSError`` where a folder that a pattern looks into cannot be read: it finds nothing there, silently."""
    while watched.is_pattern:
        watched = WatchedPath(watched.root, os.path.dirname(watched.path))
        for folder in watched.find():
            if os.path.isdir(folder):
                with os.scandir(folder):
                    pass


def _raise(error: OSError) -> None:
    raise error


def _touched_ms(path: str) -> float:
    """Return when a file, or its owner or mode, was changed; no moment is later than that of one that went away.

    Of a link, and of what it leads to, the later one counts: a link may come to lead to something old.
    """
    try:
        return max(os.stat(path).st_ctime_ns, os.lstat(path).st_ctime_ns) / 1_000_000
    except OSError:
        return float("inf")


def _members(loaded: Loaded, class_name: str) -> list[Component]:
    configuration = loaded.configuration
    class_ = configuration.classes[class_name]
    names = configuration.component if class_.takes_all else class_.components
    return [configuration.component[name] for name in names]


def _paths_of(component: Component) -> tuple[str, ...]:
    if not isinstance(component, Secrets | Files | Sqlite) or component.inside or component.volume:
        return ()
    return (*((component.path,) if component.path else ()), *component.paths)


def describe_files(patterns: Sequence[WatchedPath]) -> str:
    """Return a word that changes when a file that fits changes, comes or goes. It tells nothing of their content."""
    digest = hashlib.blake2b(digest_size=16)
    for pattern in patterns:
        digest.update(os.fsencode(pattern.whole) + b"\0")
        for path in pattern.find():
            for each in _walk(path, pattern):
                digest.update(_describe(each))
    return digest.hexdigest()


def _walk(path: str, watched: WatchedPath, on_error: Callable[[OSError], None] | None = None) -> Iterator[str]:
    """List a path that fits a pattern, and all below it.

    As a backup does, a link to a folder is followed where it was named itself, and nowhere else. ``on_error`` is told
    of each folder that cannot be read.
    """
    yield path
    place = os.path.realpath(path)  # SQLite puts its files beside what a link leads to
    if os.path.isdir(place):
        if os.path.islink(path) and watched.is_pattern:
            return
        for folder, names, files in os.walk(place, onerror=on_error):
            names.sort()
            yield from (os.path.join(folder, name) for name in sorted([*names, *files]))
    else:
        yield from (place + end for end in _BESIDE_DATABASES if _has_content(place + end))


def _has_content(path: str) -> bool:
    """An empty log comes and goes with every reader, so with each backup too: that is no change."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _describe(path: str) -> bytes:
    with contextlib.suppress(OSError):
        status = os.stat(path)  # of what a link leads to: secrets are often links
        facts = (status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_size)
        times = (0, 0) if os.path.isdir(path) else (status.st_mtime_ns, status.st_ctime_ns)
        return os.fsencode(path) + repr((*facts[:5], 0 if os.path.isdir(path) else facts[5], *times)).encode()
    return os.fsencode(path) + b" gone"


def describe_start() -> str:
    """Return a word that is another after each start of the machine, or of the container."""
    words = []
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/1/stat"):
        with contextlib.suppress(OSError):
            text = Path(path).read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            words.append(text[19] if len(text) > 20 else text[0])
    return " ".join(words)
