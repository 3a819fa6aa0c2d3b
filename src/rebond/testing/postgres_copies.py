"""A copy of a data directory that never ran, which is another cluster: it gets a system identifier of its own."""

import os
import pathlib
import subprocess

_PART_BYTES = 4
_SYSTEM_BYTES = 8
_LONG_HEADER_AT = 24  # in the first page of a segment: after the header that every page has
_POLYNOMIAL = 0x82F63B78


def copy_cluster(first: pathlib.Path, new: pathlib.Path, owner: str | None) -> None:
    """Copy what ``initdb`` made to ``new``, as ``owner``; without it two servers would take each other's log."""
    subprocess.run(["cp", "-a", "--sparse=always", first, new], check=True, user=owner, cwd="/")
    identifier = (int.from_bytes(os.urandom(_SYSTEM_BYTES), "little") >> 1).to_bytes(_SYSTEM_BYTES, "little")
    control = new / "global" / "pg_control"
    content = control.read_bytes()
    end = _find_checksum(content)
    changed = identifier + content[_SYSTEM_BYTES:end]
    _write_over(control, 0, changed + _crc32c(changed).to_bytes(_PART_BYTES, "little"))
    for segment in (new / "pg_wal").glob("0" * 7 + "1*"):
        _write_over(segment, _LONG_HEADER_AT, identifier)


def _find_checksum(content: bytes) -> int:
    """Return where the checksum of everything before it lies: another place in each version."""
    crc = 0xFFFFFFFF
    for at in range(0, len(content) - _PART_BYTES, _PART_BYTES):
        if at and (crc ^ 0xFFFFFFFF).to_bytes(_PART_BYTES, "little") == content[at : at + _PART_BYTES]:
            return at
        crc = _go_on(crc, content[at : at + _PART_BYTES])
    raise AssertionError("this pg_control has no checksum that is known here")


def _crc32c(content: bytes) -> int:
    return _go_on(0xFFFFFFFF, content) ^ 0xFFFFFFFF


def _go_on(crc: int, content: bytes) -> int:
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


def _write_over(path: pathlib.Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
