"""After a restore: set aside what the snapshot does not have, and read back what was written.

The target is walked beside the snapshot, never through a link. What is surplus is moved below one directory of the
target and not deleted: who restored too much takes it back from there.
"""

import os
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from rebond.entries import EntryKind
from rebond.errors import VaultDamaged
from rebond.findings import Finding
from rebond.operations.browsing import Located, children, root_of
from rebond.operations.restore_findings import not_as_saved, not_set_aside, show_bytes
from rebond.operations.restore_planning import RestoreRequest
from rebond.sources.files.chain import Chain, Level, open_directory
from rebond.vault.holes import spread
from rebond.vault.primitives import hash_of, keyed_id
from rebond.vault.reading import SnapshotReader
from rebond.vault.trees import StoredEntry

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Comparison(Struct, kw_only=True):
    """What was found. ``aside`` is the directory below the target that holds what was surplus."""

    aside: bytes
    surplus: int = 0
    files: int = 0
    read_bytes: int = 0
    different: int = 0


class _Step(Struct):
    """A directory that the snapshot and the target have, and those in it that are still to be walked."""

    located: Located
    is_wanted: bool
    below: list[tuple[Located, bool]]


class TargetComparison:
    """One walk over what was restored; ``run`` does it. Nothing is moved, or read back, in a dry run.

    ``collided`` are hashes of paths that were not restored since ``strip`` would have brought them where others lie;
    ``told`` are paths of which it was said already that they were not restored, or not whole: they are not read back.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        request: RestoreRequest,
        report: Callable[[Finding], None],
        surplus: Callable[[bytes], None],
        *,
        aside_name: bytes,
        collided: Collection[bytes] = (),
        told: Collection[str] = (),
    ) -> None:
        """``surplus`` hears each path below the target that the snapshot does not have."""
        self._reader = reader
        self._request = request
        self._report = report
        self._surplus = surplus
        self._collided = collided
        self._told = told
        self._reads_back = request.reads_back and not request.dry_run
        self.found = Comparison(aside=request.target + b"/" + aside_name)

    def run(self) -> Comparison:
        """Walk the components that were restored. What cannot be moved or is not as it was saved is a finding."""
        for component in self._reader.components:
            located = root_of(component)
            if located.directory and component.name in (self._request.components or (component.name,)):
                name = component.name.encode()
                is_wanted = self._request.selection.includes_path(name, b"", is_directory=True)
                for start, wanted in self._stripped(located, is_wanted, self._request.strip):
                    self._walk(start, wanted, b"" if self._request.strip else b"/" + name)
        return self.found

    def _stripped(self, located: Located, is_wanted: bool, strip: int) -> Iterator[tuple[Located, bool]]:
        """Yield the directories whose content lies in the target itself, since the parts above it are left out."""
        if strip <= 1:
            yield located, is_wanted
            return
        try:
            for item, wanted in self._wanted_below(located, is_wanted):
                if item.directory:
                    yield from self._stripped(item, wanted, strip - 1)
        except VaultDamaged:
            return  # told when it was restored

    def _walk(self, top: Located, is_wanted: bool, place: bytes) -> None:
        try:
            chain = Chain(_open_level(self._request.target + place, None))
        except OSError:
            return  # nothing of it is there
        try:
            steps = [self._look_at(_Step(top, is_wanted, []), chain.top.fd)]
            while steps:
                if not steps[-1].below:
                    steps.pop()
                    if steps:
                        chain.pop()
                    continue
                located, is_wanted = steps[-1].below.pop()
                try:
                    chain.push(_open_level(_name_of(located), chain.top.fd))
                except OSError:
                    continue  # it could not be made, and that was told
                steps.append(self._look_at(_Step(located, is_wanted, []), chain.top.fd))
        finally:
            chain.close()

    def _look_at(self, step: _Step, fd: int) -> _Step:
        """Compare one directory; note in ``below`` which of it are to be walked."""
        names: set[bytes] | None = set() if self._request.sets_aside and step.is_wanted else None
        try:
            for item, is_wanted in self._wanted_below(step.located, step.is_wanted, names):
                if item.directory:
                    step.below.append((item, is_wanted))
                elif item.entry is not None and self._is_to_be_read(item, item.entry):
                    self._read_back(fd, item, item.entry)
        except VaultDamaged:
            return step  # told when it was restored; what else is in this directory is nobody's surplus
        if names is not None:
            self._set_aside(step.located, fd, names)
        return step

    def _wanted_below(
        self, located: Located, is_wanted: bool, names: set[bytes] | None = None
    ) -> Iterator[tuple[Located, bool]]:
        """Yield what was asked for in a directory, and directories that may hold such; note all ``names`` in it."""
        selection, component = self._request.selection, located.component.name.encode()
        for item in children(self._reader, located):
            if names is not None:
                names.add(_name_of(item))
            is_directory = bool(item.directory)
            if item.entry is None or selection.excludes_path(component, item.path, is_directory=is_directory):
                continue
            wanted = is_wanted or selection.includes_path(component, item.path, is_directory=is_directory)
            if wanted or (is_directory and selection.may_include_below(component, item.path)):
                yield item, wanted

    # -- what is surplus -----------------------------------------------------------------------

    def _set_aside(self, located: Located, fd: int, names: set[bytes]) -> None:
        before = os.fstat(fd)
        component, selection = located.component.name.encode(), self._request.selection
        moved = 0
        for name in sorted(set(map(os.fsencode, os.listdir(fd))) - names):
            path = located.path + b"/" + name if located.path else name
            if selection.excludes_path(component, path, is_directory=_is_directory(name, fd)):
                continue
            self._surplus(component + b"/" + path)
            self.found.surplus += 1
            moved += not self._request.dry_run and self._move(name, fd, component + b"/" + path)
        if moved:  # a directory shows the time that was saved, not that of our tidying
            os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _move(self, name: bytes, fd: int, path: bytes) -> bool:
        place = self.found.aside + b"/" + os.path.dirname(path)
        try:
            os.makedirs(self.found.aside, mode=0o700, exist_ok=True)
            os.makedirs(place, mode=0o700, exist_ok=True)
            os.rename(name, place + b"/" + name, src_dir_fd=fd)
        except OSError as error:
            self.found.surplus -= 1
            self._report(not_set_aside(path, error))
            return False
        return True

    # -- what was written ----------------------------------------------------------------------

    def _is_to_be_read(self, item: Located, entry: StoredEntry) -> bool:
        if not self._reads_back or entry.kind != EntryKind.FILE or show_bytes(item.shown) in self._told:
            return False
        return not self._collided or hash_of(item.shown) not in self._collided

    def _read_back(self, fd: int, item: Located, entry: StoredEntry) -> None:
        self.found.files += 1
        try:
            is_same = self._is_as_saved(_name_of(item), fd, entry)
        except (OSError, VaultDamaged):
            is_same = False
        if not is_same:
            self.found.different += 1
            self._report(not_as_saved(item))

    def _is_as_saved(self, name: bytes, directory_fd: int, entry: StoredEntry) -> bool:
        """Compare every chunk with its id, from the disk where the system lets go of what it remembers."""
        fd = os.open(name, _FLAGS, dir_fd=directory_fd)
        try:
            if os.fstat(fd).st_size != entry.size:
                return False
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            offset = 0
            for chunk_id, length in self._reader.chunk_rows(entry):
                chunk = memoryview(bytearray(length))
                for position, piece in spread(entry.holes, offset, chunk):
                    if os.preadv(fd, [piece], position) != len(piece):
                        return False
                if keyed_id(self._reader.data_id_key, chunk) != chunk_id:
                    return False
                offset += length
                self.found.read_bytes += length
            return True
        finally:
            os.close(fd)


def _open_level(name: bytes, parent_fd: int | None) -> Level:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags) if parent_fd is None else open_directory(name, parent_fd)
    status = os.fstat(fd)
    return Level(name=name, fd=fd, device=status.st_dev, inode=status.st_ino)


def _name_of(located: Located) -> bytes:
    return located.path.rsplit(b"/", 1)[-1]


def _is_directory(name: bytes, fd: int) -> bool:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode & 0o170000 == 0o040000
    except OSError:
        return False
