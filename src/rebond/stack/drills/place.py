"""The throw-away place of a drill: a folder, and everything that runs in it, which goes whatever happens.

A mark in the state folder says where it is before it is made, and is locked while the drill lives. So the next drill
finds what one left that was killed: it ends what still runs there, then deletes the folder, then the mark.
"""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import CommandFailed, RestoreError
from rebond.history.running import RunningMark, is_under_way, list_marks, take_dead_mark
from rebond.identifiers import random_id
from rebond.private_folders import remove_left_behind
from rebond.sources.streams.readers import CommandReader

PREFIX = "rebond-drill-"
SERVER_PREFIX = "rebond-server-"  # of folders that hold a throw-away server and belong to no drill
VARIABLE = "REBOND_DRILL"  # in the environment of whatever a drill starts: its folder
PLACES = "drills/places"  # below the state folder
STACK, SERVERS, _SCRATCH = "stack", "servers", "scratch"
_PATIENCE_SECONDS = 2.0
_END_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.02
_LOOKS_AT_NOTHING, _STARTED_SECONDS = 5, 0.001  # at a process that shows no environment
_BRANCHES = 16  # of what is deleted, shared out among a program for each processor
_MOST_BRANCHES = 1000  # names that one program is given
_MOST_PROGRAMS = 4
_LOOSE = 1000  # names beside the branches, more than which are for a program too


class DrillPlace:
    """A folder of one drill. ``close`` ends and deletes everything; it may be called twice."""

    def __init__(self, state_folder: Path, environment: Mapping[str, str], clock: Clock) -> None:
        """Make it, after clearing what earlier drills left. Raises ``RestoreError``."""
        self._clock = clock
        self._may_run = False  # whether anything was told how it is found
        self._marks = state_folder / PLACES
        self.cleared = clear_left_places(state_folder, clock)
        remove_left_behind()
        clear_left_servers(clock)
        parent = Path(environment.get("TMPDIR") or tempfile.gettempdir()).absolute()
        name = random_id(4).hex()
        self.folder = parent / f"{PREFIX}{name}"
        self._temporary = tempfile.tempdir
        try:
            self._mark = RunningMark(self._marks, name, {"folder": str(self.folder), "pid": os.getpid()})
            try:
                # Others may pass through, to a server's folder that is theirs, and see nothing.
                self.folder.mkdir(mode=0o700)
                self.folder.chmod(0o711)
                (self.folder / STACK).mkdir(mode=0o700)
                (self.folder / _SCRATCH).mkdir(mode=0o700)
                tempfile.tempdir = str(self.folder / _SCRATCH)  # what a kill leaves of a restore goes with the rest
            except OSError:
                self.close()
                raise
        except OSError as error:
            raise RestoreError(
                "A drill cannot be made in {folder}: {reason}.",
                hint="Set TMPDIR to a directory that this user may write to, and REBOND_STATE_DIR likewise.",
                folder=str(error.filename or parent),
                reason=error.strerror or str(error),
            ) from error

    @property
    def stack(self) -> Path:
        """Where the components are put."""
        return self.folder / STACK

    @property
    def mark(self) -> str:
        """What has to stand in the environment of whatever is started, so that ``close`` ends it."""
        self._may_run = True
        return str(self.folder)

    def server_folder(self, name: str) -> Path:
        """Return where a server may make itself at home; its name is as short as a socket needs it."""
        self._may_run = True
        folder = self.folder / SERVERS
        folder.mkdir(mode=0o711, exist_ok=True)
        folder.chmod(0o711)
        return folder / name

    def close(self) -> None:
        """End everything that runs here, and delete it. Raises ``RestoreError`` for what cannot be deleted."""
        tempfile.tempdir = self._temporary
        if self._may_run:  # else nothing can be found, and every process of the machine would be asked
            end_processes(self.folder, self._clock)
        remove_folder(self.folder)
        self._mark.clear()

    def __enter__(self) -> "DrillPlace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clear_left_places(state_folder: Path, clock: Clock) -> list[str]:
    """Clear what drills left that are gone; return the folders. One that cannot be cleared keeps its mark."""
    marks, cleared = state_folder / PLACES, []
    for name in list_marks(marks):
        if is_under_way(marks, name):
            continue
        folder = _read_folder(marks / name)
        if folder is not None:
            with contextlib.suppress(RestoreError):
                end_processes(folder, clock)
                remove_folder(folder)
                cleared.append(str(folder))
        if folder is None or not os.path.lexists(folder):
            take_dead_mark(marks, name)
    return cleared


def clear_left_servers(clock: Clock) -> None:
    """Clear what restores out of data directories left that were killed: their throw-away servers may still run."""
    remove_left_behind(prefix=SERVER_PREFIX, end_users=lambda folder: end_processes(folder, clock))


def find_own_folders(state_folder: Path) -> list[Path]:
    """Return the folders of drills of this process that are still there: of one whose ``close`` was interrupted."""
    marks = state_folder / PLACES
    names = [name for name in list_marks(marks) if is_under_way(marks, name)]
    folders = [_read_folder(marks / name, pid=os.getpid()) for name in names]
    return [folder for folder in folders if folder is not None and os.path.lexists(folder)]


def _read_folder(mark: Path, *, pid: int | None = None) -> Path | None:
    """Return the folder that a mark names, if it is one that a drill makes; with ``pid``, a drill of that process."""
    import json  # noqa: PLC0415 - only where something was left

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads(mark.read_bytes())
        folder = Path(facts["folder"])
        if pid is not None and facts["pid"] != pid:
            return None
        if folder.is_absolute() and folder.name.startswith(PREFIX):
            return folder
    return None


def remove_folder(folder: Path) -> None:
    """Delete a folder in which nothing runs. Raises ``RestoreError`` when something stays."""
    if not os.path.lexists(folder):
        return
    _delete_quickly(folder)
    if os.path.lexists(folder):
        shutil.rmtree(folder, onerror=_make_way)
    if os.path.lexists(folder):
        raise RestoreError(
            "The drill's folder {folder} could not be deleted.",
            hint="Delete it by hand; it holds what was restored.",
            folder=str(folder),
        )


def _delete_quickly(folder: Path) -> None:
    """Have programs delete a folder: of many files that takes less than half the time, and every processor helps.

    What they leave is for the slow way, which is quicker than another program where little is left.
    """
    branches, loose_names = _find_branches(folder)
    count = min(_MOST_PROGRAMS, os.cpu_count() or 1) if len(branches) >= _BRANCHES else 1
    if count > 1:
        _remove([branches[number::count][:_MOST_BRANCHES] for number in range(count)])
    if count == 1 or loose_names > _LOOSE or len(branches) > count * _MOST_BRANCHES:
        _remove([[str(folder)]])


def _find_branches(folder: Path) -> tuple[list[str], int]:
    """Return directories that hold nearly everything below a folder, enough of them to be shared out, if there are.

    Also how many other things lie beside them.
    """
    ends: list[str] = []
    loose_names = 0
    level = [str(folder)]
    while level and len(ends) + len(level) < _BRANCHES:
        below: list[str] = []
        for each in level:
            found, others = _list_directory(each)
            below += found
            ends += [] if found else [each]
            loose_names += others if found else 0
        level = below
    return ends + level, loose_names


def _list_directory(folder: str) -> tuple[list[str], int]:
    """Return the directories in a folder, and how many other things are in it."""
    directories: list[str] = []
    others = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # what cannot be looked into is deleted as it is
        for each in entries:
            if each.is_dir(follow_symlinks=False):
                directories.append(each.path)
            else:
                others += 1
    return directories, others


def _remove(shares: Iterable[Sequence[str]]) -> None:
    """Start a program for each share of what is to go, and wait for all of them."""
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    with contextlib.suppress(CommandFailed), contextlib.ExitStack() as running:
        readers = []
        for share in shares:
            readers.append(CommandReader(["rm", "-rf", "--", *share], environment=environment))
            running.callback(readers[-1].close)
        for reader in readers:
            reader.wait()


def _make_way(_function: object, path: str, _reason: object) -> None:
    """Delete what a mode without rights protects from its own owner: a restore puts modes back as they were."""
    with contextlib.suppress(OSError):
        for each in (os.path.dirname(path), path):
            if not os.path.islink(each):
                os.chmod(each, stat.S_IRWXU)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def end_processes(folder: Path, clock: Clock) -> None:
    """End every process that runs in a folder or was started for it; those that do not go are made to."""
    began = clock.monotonic()
    while found := list(find_processes(folder, clock)):
        waited_seconds = clock.monotonic() - began
        for pid, is_server in found:
            number = signal.SIGQUIT if is_server else signal.SIGTERM  # a server then waits for nobody
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if waited_seconds > _PATIENCE_SECONDS else number)
        if waited_seconds > _END_SECONDS:
            return
        clock.sleep(_LOOK_EVERY_SECONDS)


def read_environment(pid: int, clock: Clock) -> bytes:
    """Read a process's environment; again where there is none: a program that is just being started shows none yet.

    Raises ``OSError`` when the process has ended, or is somebody else's.
    """
    content = Path(f"/proc/{pid}/environ").read_bytes()
    looks = 0
    while not content and looks < _LOOKS_AT_NOTHING and os.path.exists(f"/proc/{pid}/exe"):
        clock.sleep(_STARTED_SECONDS)
        content = Path(f"/proc/{pid}/environ").read_bytes()
        looks += 1
    return content


def find_processes(folder: Path, clock: Clock) -> Iterator[tuple[int, bool]]:
    """Yield processes other than this one that a drill started in ``folder``, and whether each is a server.

    Whatever a drill starts has its folder in its environment; servers of PostgreSQL write over theirs, and stay in
    their data directory instead.
    """
    inside = os.fsencode(folder) + b"/"
    wanted = f"{VARIABLE}={folder}".encode() + b"\0"
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        try:
            is_server = Path(f"/proc/{name}/comm").read_bytes().strip() == b"postgres"
            place = os.fsencode(os.readlink(f"/proc/{name}/cwd"))
            environment = read_environment(int(name), clock) + b"\0"
        except OSError:  # it has ended, or is somebody else's
            continue
        if (is_server and place.startswith(inside)) or wanted in environment:
            yield int(name), is_server
