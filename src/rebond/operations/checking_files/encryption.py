"""Whether a file is encrypted, told by how it begins: OpenPGP (RFC 4880, RFC 9580), in letters or not, and openssl."""

import re

_OPENSSL = b"Salted__"
_ARMOUR = re.compile(rb"\s*-----BEGIN PGP ([A-Z ]+)-----")
_MESSAGE = b"MESSAGE"
_TO_A_KEY, _SIGNATURE, _BY_A_PASSWORD, _PUBLIC_KEY, _OLD_DATA, _DATA = 1, 2, 3, 6, 9, 18
_INSIDE = frozenset({_TO_A_KEY, _BY_A_PASSWORD, _OLD_DATA, _DATA, 10, 20, 21})  # what follows a key of a session
_VERSIONS = {
    _TO_A_KEY: frozenset({2, 3, 6}),
    _SIGNATURE: frozenset({3, 4, 5, 6}),
    _BY_A_PASSWORD: frozenset({4, 5, 6}),
    _PUBLIC_KEY: frozenset({3, 4, 5, 6}),
    _DATA: frozenset({1, 2}),
}
_LEAST_BYTES = 10  # of a packet that means something
_LEAST_PART = 9  # as a power of two: the first part has 512 bytes at least
_MOST_KEY_BYTES = {_TO_A_KEY: 4096, _BY_A_PASSWORD: 128, _SIGNATURE: 1 << 16, _PUBLIC_KEY: 1 << 16}


def recognise_encryption(head: bytes) -> str | None:
    """Return the program that decrypts what begins so."""
    if head.startswith(_OPENSSL):
        return "openssl"
    armour = _ARMOUR.match(head)
    if armour:
        return "gpg" if armour[1] == _MESSAGE else None
    return "gpg" if _find_tag(head) in _INSIDE else None


def is_signature_or_key(head: bytes) -> bool:
    """Whether OpenPGP made this, and nothing in it is encrypted: a detached signature, a public key, a signed text."""
    armour = _ARMOUR.match(head)
    return armour[1] != _MESSAGE if armour else _find_tag(head) in {_SIGNATURE, _PUBLIC_KEY}


def is_for_a_key_alone(head: bytes) -> bool:
    """Whether only a private key opens what begins so: no password would. Not told of what is in letters."""
    if _find_tag(head) != _TO_A_KEY:
        return False
    while (header := _read_header(head)) is not None and header[0] == _TO_A_KEY and header[2]:
        head = head[header[1] + header[2] :]
    return header is not None and header[0] != _BY_A_PASSWORD


def _find_tag(head: bytes) -> int | None:
    """Return the kind of the first packet of a file; ``None`` where its header cannot be one."""
    header = _read_header(head)
    if header is None:
        return None
    tag, begin, length = header
    versions = _VERSIONS.get(tag)
    if versions is not None and (begin >= len(head) or head[begin] not in versions):
        return None
    if tag in {_OLD_DATA, _DATA}:  # nothing comes behind it
        comes_in_parts = length is None and head[0] & 0x40 and head[1] & 31 >= _LEAST_PART
        is_whole = length is not None and length >= _LEAST_BYTES and begin + length >= len(head)
        return tag if comes_in_parts or is_whole else None
    if tag not in _MOST_KEY_BYTES or length is None or not _LEAST_BYTES <= length <= _MOST_KEY_BYTES[tag]:
        return tag if tag == _BY_A_PASSWORD and length == 4 else None  # the shortest: by a sum without salt
    following = _read_header(head[begin + length :])
    if tag in {_TO_A_KEY, _BY_A_PASSWORD} and following is not None and following[0] not in _INSIDE:
        return None
    is_followed_by_none = following is None and len(head) > begin + length + 6
    return None if is_followed_by_none else tag


def _read_header(head: bytes) -> tuple[int, int, int | None] | None:
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
