"""Paths below a root, as bytes: joined, checked, and shown to people."""

import sys

from rebond.errors import TargetUnsafe

_ENCODING = sys.getfilesystemencoding()
_ERRORS = sys.getfilesystemencodeerrors()
_LONGEST_SHOWN = 1000  # characters; a path may be half a megabyte long


def show_path(path: bytes) -> str:
    r"""Return ``path`` as text that can be printed and stored anywhere: bytes that are no UTF-8 become ``\\xNN``."""
    text = path.decode("utf-8", "backslashreplace")
    if len(text) > _LONGEST_SHOWN:
        return f"{text[: _LONGEST_SHOWN // 2]}…{text[-_LONGEST_SHOWN // 2 :]}"
    return text


def join_path(parent: bytes, name: bytes) -> bytes:
    """Return the path of ``name`` in ``parent``; an empty parent is the root itself."""
    return parent + b"/" + name if parent else name


def check_name(name: bytes) -> None:
    """Raise ``TargetUnsafe`` unless ``name`` is one harmless part of a path."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise TargetUnsafe(
            "The snapshot holds a name that would lead out of the target: {name}",
            hint="The snapshot was made by something hostile or broken; restore the other paths with --exclude.",
            name=repr(name),
        )
