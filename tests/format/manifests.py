"""What a tree on disk looks like, told without any part of Rebond."""

import hashlib
import os
import stat
from collections.abc import Iterator
from typing import Any

MANY = 1000  # entries; above it a directory's children are told by one digest

Told = dict[str, Any]


def tell_tree(root: bytes, *, with_owners: bool = False) -> list[Told]:
    """Return one record for each entry below ``root``, the root first, sorted by path."""
    links: dict[tuple[int, int], int] = {}
    return list(_tell(root, b"", links, with_owners))


def _tell(root: bytes, path: bytes, links: dict[tuple[int, int], int], with_owners: bool) -> Iterator[Told]:
    full = os.path.join(root, path) if path else root
    yield _tell_one(full, path, links, with_owners)
    if stat.S_ISDIR(os.lstat(full).st_mode):
        names = sorted(os.listdir(full))
        below = (told for name in names for told in _tell(root, os.path.join(path, name), links, with_owners))
        if len(names) > MANY:
            digest = hashlib.sha256(repr([sorted(told.items()) for told in below]).encode()).hexdigest()
            yield {"below": path.decode("latin-1"), "count": len(names), "digest": digest}
        else:
            yield from below


def _tell_one(full: bytes, path: bytes, links: dict[tuple[int, int], int], with_owners: bool) -> Told:
    found = os.lstat(full)
    kind = stat.S_IFMT(found.st_mode)
    told: Told = {"path": path.decode("latin-1"), "kind": kind, "modified_ns": found.st_mtime_ns}
    if kind != stat.S_IFLNK:
        told["mode"] = stat.S_IMODE(found.st_mode)
    if kind == stat.S_IFREG:
        content = _read(full, found.st_mode)
        told |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    elif kind == stat.S_IFLNK:
        told["target"] = os.readlink(full).decode("latin-1")
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        told["device"] = found.st_rdev
    if kind != stat.S_IFDIR and found.st_nlink > 1:
        told["link"] = links.setdefault((found.st_dev, found.st_ino), len(links))
    if with_owners:
        told |= {"uid": found.st_uid, "gid": found.st_gid}
    attributes = {
        name: os.getxattr(full, name, follow_symlinks=False).hex()
        for name in sorted(os.listxattr(full, follow_symlinks=False))
        if name.startswith(("user.", "system.posix_acl", "security.capability"))
    }
    return told | ({"attributes": attributes} if attributes else {})


def _read(full: bytes, mode: int) -> bytes:
    """Read a file also where its owner may not, being an ordinary user."""
    try:
        with open(full, "rb") as file:
            return file.read()
    except PermissionError:
        os.chmod(full, 0o400)
        try:
            with open(full, "rb") as file:
                return file.read()
        finally:
            os.chmod(full, stat.S_IMODE(mode))
