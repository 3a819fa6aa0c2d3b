"""Extended attributes and ACLs as records of a tar file, as ``tar --xattrs --acls`` and ``bsdtar`` read them."""

import struct
from collections.abc import Iterable

_ATTRIBUTE = "SCHILY.xattr."
_ACLS = {b"system.posix_acl_access": "SCHILY.acl.access", b"system.posix_acl_default": "SCHILY.acl.default"}
_VERSION = struct.pack("<I", 2)
_RULE = struct.Struct("<HHI")  # whom it is about, what they may, and which of them
_WHOM = {0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}
_WITH_ID = (0x02, 0x08)
_RIGHTS = ((4, "r"), (2, "w"), (1, "x"))


def describe_attributes(attributes: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the records, for a writer that escapes what is no UTF-8 in a value.

    An ACL is text there, with numbers for users and groups. A name that is no UTF-8 has no record.
    """
    records = {}
    for name, value in attributes:
        text = _write_acl(value) if name in _ACLS else ""
        if text:
            records[_ACLS[name]] = text
        elif _is_text(name):
            key = name.decode().replace("%", "%25").replace("=", "%3D")
            records[_ATTRIBUTE + key] = value.decode(errors="surrogateescape")
    return records


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _write_acl(value: bytes) -> str:
    """Return an ACL of the kernel as text; empty for one that is not understood, which stays as it is."""
    rules = value[len(_VERSION) :]
    if not value.startswith(_VERSION) or not rules or len(rules) % _RULE.size:
        return ""
    written = []
    for tag, rights, number in _RULE.iter_unpack(rules):
        if tag not in _WHOM or rights > 7:
            return ""
        allowed = "".join(sign if rights & bit else "-" for bit, sign in _RIGHTS)
        written.append(f"{_WHOM[tag]}:{number if tag in _WITH_ID else ''}:{allowed}")
    return ",".join(written)
