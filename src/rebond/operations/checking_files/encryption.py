"""Whether a file is encrypted, told by how it begins: OpenPGP (RFC 4880, RFC 9580), in letters or not, and openssl."""

import os
from typing import BinaryIO

from rebond.operations.checking_files.letters import find_kind, read_letters

_OPENSSL = b"Salted__"
_MESSAGE = b"MESSAGE"
_TO_A_KEY, _SIGNATURE, _BY_A_PASSWORD, _SECRET_KEY, _PUBLIC_KEY, _OLD_DATA, _DATA, _AEAD_DATA = 1, 2, 3, 5, 6, 9, 18, 20
_INSIDE = frozenset({_TO_A_KEY, _BY_A_PASSWORD, _OLD_DATA, _DATA, _AEAD_DATA})  # what follows a key of a session
_WITH_A_KEY = frozenset({_SIGNATURE, _SECRET_KEY, _PUBLIC_KEY, 7, 12, 13, 14, 17})  # what may stand beside one
_VERSIONS = {
    _TO_A_KEY: frozenset({2, 3, 6}),
    _SIGNATURE: frozenset({3, 4, 5, 6}),
    _BY_A_PASSWORD: frozenset({4, 5, 6}),
    _SECRET_KEY: frozenset({3, 4, 5, 6}),
    _PUBLIC_KEY: frozenset({3, 4, 5, 6}),
    _DATA: frozenset({1, 2}),
    _AEAD_DATA: frozenset({1}),
}
_CIPHERS = frozenset({1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13})
_HASHES = frozenset({1, 2, 3, 8, 9, 10, 11, 12, 14})
_AEADS = frozenset({1, 2, 3})
_BY_ONE_NUMBER = frozenset({1, 2})  # RSA
_TO_KEYS = frozenset({*_BY_ONE_NUMBER, 16, 18})  # ways to encrypt to a public key
_OF_KEYS = frozenset({*_TO_KEYS, 3, 17, 19, 20, 22, 25, 26, 27, 28})
_KINDS_OF_SIGNATURE = frozenset({0, 1, 2, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50})
_FROM_PASSWORDS = {0: 4, 1: 12, 3: 13, 4: 23}  # ways to make a key of a password, and the least bytes of their packets
_LEAST_BYTES = 10  # of a packet that means something
_LEAST_PART = 9  # as a power of two: the first part has 512 bytes at least
_MOST_KEY_BYTES = {_TO_A_KEY: 4096, _BY_A_PASSWORD: 128} | dict.fromkeys(
    (_SIGNATURE, _PUBLIC_KEY, _SECRET_KEY), 1 << 16
)

_Header = tuple[int, int, int | None]


def recognise_encryption(head: bytes, file: BinaryIO) -> str | None:
    """Return the program that decrypts what begins so. ``file`` is left where it is. Raises ``OSError``."""
    if head.startswith(_OPENSSL):
        return "openssl"
    kind = find_kind(head)
    if kind is not None:
        return "gpg" if kind == _MESSAGE else None
    tag = _find_tag(head)
    if tag in {_OLD_DATA, _DATA}:  # nothing comes before it that could tell more, and nothing behind it
        return "gpg" if _ends_with_file(head, file) else None
    return "gpg" if tag in _INSIDE else None


def is_signature_or_key(head: bytes) -> bool:
    """Whether OpenPGP made this, and nothing in it is encrypted: a detached signature, a key, a signed text."""
    kind = find_kind(head)
    return kind != _MESSAGE if kind is not None else _find_tag(head) in {_SIGNATURE, _PUBLIC_KEY, _SECRET_KEY}


def is_signature(head: bytes) -> bool:
    """Whether this is a detached signature: one that lies beside what was signed."""
    kind = find_kind(head)
    return kind == b"SIGNATURE" if kind is not None else _find_tag(head) == _SIGNATURE


def is_whole(content: bytes) -> bool:
    """Whether a signature or keys, not in letters, end where their last packet ends."""
    position = 0
    while position < len(content):
        header = _read_header(content[position : position + 6].ljust(6, b"\0"))
        if header is None or header[0] not in _WITH_A_KEY or header[2] is None:
            return False
        position += header[1] + header[2]
    return position == len(content)


def is_for_a_key_alone(head: bytes) -> bool:
    """Whether only a private key opens what begins so: no password would."""
    if find_kind(head) is not None:
        head = read_letters(head)
    if _find_tag(head) != _TO_A_KEY:
        return False
    while (header := _read_header(head)) is not None and header[0] == _TO_A_KEY and header[2]:
        head = head[header[1] + header[2] :]
    return header is not None and header[0] != _BY_A_PASSWORD


def _find_tag(head: bytes) -> int | None:
    """Return the kind of the first packet of a file; ``None`` where it cannot be one."""
    header = _read_header(head)
    if header is None or not _is_possible(header, head):
        return None
    tag, begin, length = header
    if tag in {_OLD_DATA, _DATA}:
        comes_in_parts = length is None and head[0] & 0x40 and head[1] & 31 >= _LEAST_PART
        return tag if comes_in_parts or (length is not None and length >= _LEAST_BYTES) else None
    if tag not in _MOST_KEY_BYTES or length is None:
        return None
    rest = head[begin + length :]
    following = _read_header(rest)
    if following is None:
        return None if len(rest) > 6 else tag
    if tag in {_TO_A_KEY, _BY_A_PASSWORD}:
        return tag if following[0] in _INSIDE and _is_possible(following, rest) else None
    return tag if following[0] in _WITH_A_KEY else None


def _is_possible(header: _Header, head: bytes) -> bool:
    """Whether what stands at the beginning of a packet is what such a packet may hold."""
    tag, begin, length = header
    body = head[begin : begin + 12]
    versions = _VERSIONS.get(tag)
    if versions is not None and (not body or body[0] not in versions):
        return False
    if tag not in _MOST_KEY_BYTES:
        return True
    least = 4 if tag == _BY_A_PASSWORD else _LEAST_BYTES
    if length is None or not least <= length <= _MOST_KEY_BYTES[tag]:
        return False
    if len(body) < min(length, 12):
        return True  # the rest is beyond what was read
    match tag, body[0]:
        case (1, 2 | 3):
            number_bytes = (int.from_bytes(body[10:12], "big") + 7) // 8
            is_alone = body[9] in _BY_ONE_NUMBER
            return body[9] in _TO_KEYS and (length == 12 + number_bytes if is_alone else length > 12 + number_bytes)
        case (1, 6):
            return (body[1], body[2]) in {(21, 4), (33, 6)} or body[1] == 0
        case (3, 4):
            least = _FROM_PASSWORDS.get(body[2], length + 1)
            return body[1] in _CIPHERS and (body[2] == 4 or body[3] in _HASHES) and length >= least
        case (3, 5):
            return body[1] in _CIPHERS and body[2] in _AEADS and body[3] in _FROM_PASSWORDS
        case (3, 6):
            return length > 5 and body[2] in _CIPHERS and body[3] in _AEADS and body[5] in _FROM_PASSWORDS
        case (2, 3):
            return body[1] == 5
        case (2, _):
            return body[1] in _KINDS_OF_SIGNATURE and body[2] in _OF_KEYS and body[3] in _HASHES
        case (5 | 6, 3):
            return body[7] in _OF_KEYS
        case (5 | 6, _):
            return body[5] in _OF_KEYS
    return True


def _ends_with_file(head: bytes, file: BinaryIO) -> bool:
    """Whether the only packet of a file ends where the file does: its beginning alone, any bytes may have."""
    size = os.fstat(file.fileno()).st_size
    header = _read_header(head)
    position = 0  # of a byte before the one that tells a length
    while header is not None and header[2] is None:
        position += 1 + (1 << (head[1] & 31)) if head[0] & 0x40 else size
        if position >= size:
            return False
        head = head[:1] + os.pread(file.fileno(), 6, position + 1)
        header = _read_header(head.ljust(6, b"\0"))
    return header is not None and position + header[1] + (header[2] or 0) == size


def _read_header(head: bytes) -> _Header | None:
    """Return the kind of a packet, where its body begins, and how long that is; ``None`` for a length told later."""
    if len(head) < 6 or not head[0] & 0x80:
        return None
    if not head[0] & 0x40:  # the old way: how many bytes tell the length stands in the first
        size = (1, 2, 4, 0)[head[0] & 3]
        return (head[0] >> 2) & 15, 1 + size, int.from_bytes(head[1 : 1 + size], "big") if size else None
    tag, first = head[0] & 63, head[1]
    if first < 192:
        return tag, 2, first
    if first < 224:
        return tag, 3, ((first - 192) << 8) + head[2] + 192
    return (tag, 2, None) if first < 255 else (tag, 6, int.from_bytes(head[2:6], "big"))
