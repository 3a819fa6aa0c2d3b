"""The manifest of a base backup: what the server says that it sent, file by file, with a sum of each."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from rebond.errors import CommandFailed
from rebond.sources.files.paths import show_path
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.postgres_physical.sums import is_same_sum
from rebond.wording import Phrase

_SUM = re.compile(rb'"Manifest-Checksum": "([0-9a-f]{64})"\}\s*\Z')
_LEFT_OUT = (b"pg_wal/", b"backup_manifest")  # the log has sums of its own, and no place in a manifest


class ManifestFile(msgspec.Struct, frozen=True, rename="pascal"):
    """One file of it. ``checksum`` is hexadecimal."""

    size: int
    path: str = ""
    encoded_path: str = msgspec.field(default="", name="Encoded-Path")
    algorithm: str = msgspec.field(default="", name="Checksum-Algorithm")
    checksum: str = ""

    @property
    def name(self) -> bytes:
        """Its path as bytes."""
        return bytes.fromhex(self.encoded_path) if self.encoded_path else self.path.encode()


class WalRange(msgspec.Struct, frozen=True, rename="pascal"):
    """What of a timeline's log is needed to make the backup consistent."""

    timeline: int
    start: str = msgspec.field(name="Start-LSN")
    end: str = msgspec.field(name="End-LSN")


class _Manifest(msgspec.Struct, frozen=True, rename="pascal"):
    files: list[ManifestFile] = []
    ranges: list[WalRange] = msgspec.field(default_factory=list, name="WAL-Ranges")
    system_identifier: int | None = msgspec.field(default=None, name="System-Identifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest whose own sum is right."""

    files: Mapping[bytes, ManifestFile]
    ranges: tuple[WalRange, ...]

    @property
    def timeline(self) -> int:
        """The timeline that the backup ends on."""
        return self.ranges[0].timeline

    @property
    def stop(self) -> int:
        """The position from which on the data directory is consistent."""
        return max(parse_lsn(each.end) for each in self.ranges)


def read_manifest(content: bytes) -> Manifest:
    """Read a manifest and check its own sum. Raises ``CommandFailed``."""
    found = _SUM.search(content)
    start = content.rfind(b'"Manifest-Checksum"')
    if not found or hashlib.sha256(content[:start]).hexdigest().encode() != found[1]:
        raise _damaged(Phrase("its own sum is not right"))
    try:
        manifest = msgspec.json.decode(content, type=_Manifest)
    except msgspec.DecodeError as error:
        raise _damaged(str(error)) from error
    if not manifest.ranges:
        raise _damaged(Phrase("it names no part of the write-ahead log"))
    return Manifest(files={each.name: each for each in manifest.files}, ranges=tuple(manifest.ranges))


def compare(manifest: Manifest, arrived: Mapping[bytes, tuple[int, str]], algorithm: str) -> None:
    """Compare what arrived (size and sum by path) with what the server says it sent. Raises ``CommandFailed``.

    A manifest with sums of another kind than ``algorithm``, or with none, proves nothing and is refused.
    """
    own = {path: said for path, said in arrived.items() if not path.startswith(_LEFT_OUT)}
    listed = {path: said for path, said in manifest.files.items() if not path.startswith(_LEFT_OUT)}
    if missing := listed.keys() - own.keys():
        raise _differs(min(missing), Phrase("it did not come"))
    if added := own.keys() - listed.keys():
        raise _differs(min(added), Phrase("it is not in the manifest"))
    for path, (size, checksum) in own.items():
        said = listed[path]
        if said.size != size:
            raise _differs(path).told_by(
                "The base backup is not what the server sent: {path}: {size} of {wanted} bytes came.",
                path=show_path(path),
                size=size,
                wanted=said.size,
            )
        if said.algorithm != algorithm:
            raise _differs(path).told_by(
                "The base backup is not what the server sent: {path}: its sum is of the kind {found}, not {wanted}.",
                path=show_path(path),
                found=said.algorithm or "–",
                wanted=algorithm,
            )
        if not is_same_sum(said.checksum, checksum):
            raise _differs(path, Phrase("its sum is another one"))


def _damaged(reason: str) -> CommandFailed:
    return CommandFailed(
        "The manifest of the base backup is damaged: {reason}.", hint="Run the backup again.", reason=reason
    )


def _differs(path: bytes, reason: str = "") -> CommandFailed:
    return CommandFailed(
        "The base backup is not what the server sent: {path}: {reason}.",
        hint="Run the backup again. If that happens each time, look for what changes bytes on the way here.",
        path=show_path(path),
        reason=reason,
    )
