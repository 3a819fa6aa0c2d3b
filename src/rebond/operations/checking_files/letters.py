"""What OpenPGP writes in letters ("ASCII armour", RFC 9580 section 6): its blocks, their ends and their checksums."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import BinaryIO

from rebond.errors import ProofFailed

_BEGIN = re.compile(rb"\s*-----BEGIN PGP ([A-Z ]+)-----")
_SIGNED_TEXT, _SIGNATURE = b"SIGNED MESSAGE", b"SIGNATURE"
MOST_BYTES = 16 << 20  # of signatures and keys
_END_BYTES = 1000  # in which the last line of a file is
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


def find_kind(head: bytes) -> bytes | None:
    """Return what a file in letters says that it is, such as ``MESSAGE``; ``None`` for one that is not in letters."""
    found = _BEGIN.match(head)
    return found[1] if found else None


def read_letters(head: bytes) -> bytes:
    """Return the bytes for which the letters at the beginning of a file stand, as far as they are readable."""
    _, _, body = head.replace(b"\r", b"").partition(b"\n\n")
    lines: list[bytes] = body.split(b"\n")
    end = next((number for number, line in enumerate(lines) if line[:1] in {b"=", b"-"}), len(lines))
    letters = b"".join(lines[:end])
    try:
        return base64.b64decode(letters[: len(letters) // 4 * 4], validate=True)
    except binascii.Error:
        return b""


def check_end(file: BinaryIO, path: str) -> None:
    """Raise ``ProofFailed`` where the last line of a file in letters is missing: it was cut."""
    file.seek(0, 2)
    file.seek(max(0, file.tell() - _END_BYTES))
    has_end = re.search(rb"-----END PGP [A-Z ]+-----\s*\Z", file.read()) is not None
    file.seek(0)
    if not has_end:
        raise _cut(path)


def read_blocks(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield the bytes of each block of a file in letters, which has ``MOST_BYTES`` at most.

    Raises ``ProofFailed`` where one is cut or damaged.
    """
    lines = iter(file.read().replace(b"\r", b"").split(b"\n"))
    found = False
    for line in lines:
        kind = find_kind(line)
        if kind == _SIGNED_TEXT:
            kind = next((_SIGNATURE for each in lines if find_kind(each) == _SIGNATURE), None)
            if kind is None:
                raise _cut(path)
        if kind is not None:
            found = True
            yield _read_block(lines, kind, path)
    if not found:
        raise _cut(path)


def _read_block(lines: Iterator[bytes], kind: bytes, path: str) -> bytes:
    for line in lines:  # what is said of it, such as its version
        if not line.strip():
            break
    letters: list[bytes] = []
    checksum = b""
    for line in lines:
        text = line.strip()
        if text == b"-----END PGP " + kind + b"-----":
            return _decode(b"".join(letters), checksum, path)
        if text.startswith(b"="):
            checksum = text[1:]
        else:
            letters.append(text)
    raise _cut(path)


def _decode(letters: bytes, checksum: bytes, path: str) -> bytes:
    try:
        content = base64.b64decode(letters, validate=True)
        wanted = base64.b64decode(checksum, validate=True)
    except binascii.Error as error:
        raise _damaged(path) from error
    if not content or (checksum and wanted != _sum_up(content).to_bytes(3, "big")):
        raise _damaged(path)
    return content


def _sum_up(content: bytes) -> int:
    """Return the CRC-24 of RFC 4880."""
    table = [_shift_out(byte << 16) for byte in range(256)]
    crc = _CRC_START
    for byte in content:
        crc = (crc << 8 & 0xFFFFFF) ^ table[crc >> 16 ^ byte]
    return crc


def _shift_out(crc: int) -> int:
    for _ in range(8):
        crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
    return crc


def _cut(path: str) -> ProofFailed:
    return ProofFailed(
        "{path} is cut: the last line of what OpenPGP wrote is missing.", hint="Take another copy of it.", path=path
    )


def _damaged(path: str) -> ProofFailed:
    return ProofFailed(
        "{path} is damaged: it is not what OpenPGP wrote in letters.", hint="Take another copy of it.", path=path
    )
