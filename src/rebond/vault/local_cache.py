"""What one host remembers of a vault's domain between runs (section 13).

Everything here can be deleted at any time and is rebuilt from the vault; nothing here is part of
any safety argument. One process at a time may change it; a second one works on a private copy
that it throws away.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from rebond.errors import CacheDamaged, VaultDamaged
from rebond.identifiers import DomainId, VaultId
from rebond.private_folders import PrivateFolder
from rebond.vault.chunk_index import ChunkIndex, KnownRun
from rebond.vault.file_cache import CachePaths
from rebond.vault.headers import with_sum, without_sum
from rebond.vault.primitives import hash_of
from rebond.vault.records import decode, encode
from rebond.vault.segment_directory import SegmentDirectory


class _Manifest(msgspec.Struct, frozen=True, array_like=True):
    """Which files make up the chunk index, what its session numbers mean, which lists are in it."""

    sessions: list[bytes]
    runs: list[KnownRun]
    lists: list[bytes]


_FOLDERS = ("runs", "lists", "whole", "unlisted", "files")


class LocalCache:
    """The chunk index, the catalog parts of index lists, unlisted packs and file caches of a domain."""

    def __init__(self, directory: Path) -> None:
        self._shared = directory
        self.fault = ""  # why nothing can be remembered here; the run goes on with a private cache
        self._lock = self._take_lock(directory)
        self._private: PrivateFolder | None = None
        if self._lock is None:
            self._private = PrivateFolder("cache")
            self.directory = self._private.path
            self._copy_shared()
        else:
            self.directory = directory
        for name in _FOLDERS:
            (self.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._load()

    def _take_lock(self, directory: Path) -> int | None:
        try:
            for name in _FOLDERS:
                (directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
                if not os.access(directory / name, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:  # read-only, full, not ours
            self.fault = error.strerror or str(error)
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def _copy_shared(self) -> None:
        """Take what is durable there, the manifest last; whatever changes while it is copied fails its checks."""
        for name in ("runs", "lists", "whole", "files"):
            source = self._shared / name
            (self.directory / name).mkdir(mode=0o700)
            with suppress(OSError):
                for path in source.glob("*") if source.is_dir() else ():
                    if path.suffix not in {".partial", ".begun"}:
                        with suppress(FileNotFoundError):
                            shutil.copyfile(path, self.directory / name / path.name)
        with suppress(OSError):
            shutil.copyfile(self._shared / "manifest", self.directory / "manifest")

    def _load(self) -> None:
        manifest = self._read_manifest()
        try:
            self.chunks = ChunkIndex(self.directory / "runs", manifest.runs)
        except (CacheDamaged, OSError):  # also what another account made here, and may read alone
            manifest = _Manifest([], [], [])
            self.chunks = ChunkIndex(self.directory / "runs")
        self.segments = SegmentDirectory(manifest.sessions)
        self.merged_lists = set(manifest.lists)
        known = {name for name, *_ in manifest.runs}
        for path in (self.directory / "runs").glob("*.run"):
            if path.name not in known:
                path.unlink(missing_ok=True)

    def _read_manifest(self) -> _Manifest:
        try:
            content = (self.directory / "manifest").read_bytes()
            return decode(bytes(without_sum(content)), _Manifest)
        except (OSError, VaultDamaged):
            return _Manifest([], [], [])

    def save(self) -> None:
        """Make what the chunk index holds, and which lists are in it, durable."""
        self.chunks.flush()
        manifest = _Manifest(list(self.segments.sessions), self.chunks.runs, sorted(self.merged_lists))
        temporary = self.directory / "manifest.new"
        with open(temporary, "wb") as file:
            file.write(with_sum(encode(manifest)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.directory / "manifest")
        self.chunks.sweep()

    # -- catalog parts of merged lists --------------------------------------------------------

    def keep_catalog(self, list_hash: bytes, content: bytes) -> None:
        """Remember the start of a merged list: header, length, catalog part."""
        _replace(self.directory / "lists" / list_hash.hex(), with_sum(content))

    def catalog(self, list_hash: bytes) -> bytes | None:
        """Return what ``keep_catalog`` kept, or ``None`` when it is gone or damaged."""
        try:
            return bytes(without_sum((self.directory / "lists" / list_hash.hex()).read_bytes()))
        except (OSError, VaultDamaged):
            return None

    def keep_list(self, list_hash: bytes, content: bytes) -> None:
        """Remember a whole list that is not in the chunk index yet."""
        _replace(self.directory / "whole" / list_hash.hex(), content)

    def kept_list(self, list_hash: bytes) -> bytes | None:
        """Return what ``keep_list`` kept, or ``None`` when it is gone or damaged."""
        try:
            content = (self.directory / "whole" / list_hash.hex()).read_bytes()
        except OSError:
            return None
        return content if hash_of(content) == list_hash else None

    def drop_lists_except(self, list_hashes: set[bytes]) -> None:
        """Forget lists that the store no longer has, and the whole of those that are in the chunk index."""
        self.merged_lists &= list_hashes
        for folder, wanted in (("lists", list_hashes), ("whole", list_hashes - self.merged_lists)):
            for path in (self.directory / folder).iterdir():
                try:
                    is_wanted = bytes.fromhex(path.name) in wanted
                except ValueError:
                    is_wanted = False
                if not is_wanted:
                    path.unlink(missing_ok=True)

    # -- packs that were put but that no list names yet ------------------------------------------

    def note_unlisted(self, pack_hash: bytes, content: bytes) -> None:
        """Remember an index list of one pack that was put, until a list in the store names it."""
        _replace(self.directory / "unlisted" / pack_hash.hex(), with_sum(content))

    def unlisted(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (pack hash, index list of that pack) of earlier runs that were cut short."""
        for path in sorted((self.directory / "unlisted").iterdir()):
            try:
                yield bytes.fromhex(path.name), bytes(without_sum(path.read_bytes()))
            except (ValueError, VaultDamaged, OSError):
                path.unlink(missing_ok=True)

    def forget_unlisted(self, pack_hash: bytes) -> None:
        """A list names the pack now, or the pack is gone."""
        (self.directory / "unlisted" / pack_hash.hex()).unlink(missing_ok=True)

    # -- file caches ---------------------------------------------------------------------------

    def files_of(self, root: bytes) -> CachePaths:
        """Where the file caches of one root lie."""
        return CachePaths(self.directory / "files", hash_of(root).hex()[:32])

    def detach(self) -> None:
        """Only read from now on, out of files that are open, and let other processes change the cache."""
        self.chunks.leave_directory()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        """Give the files back; a private copy is thrown away."""
        self.chunks.close()
        if self._private is not None:
            self._private.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _replace(path: Path, content: bytes) -> None:
    """Write a file at once or not at all. Where this host has no room it is simply not remembered."""
    new = path.with_suffix(".new")
    try:
        new.write_bytes(content)
        os.replace(new, path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def cache_directory(base: Path, vault_id: VaultId, domain: DomainId) -> Path:
    """Where the cache of one domain of one vault lies."""
    return base / vault_id.hex() / domain.hex()
