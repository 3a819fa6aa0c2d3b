"""Paths as a configuration writes them: a name may hold signs that mean others there."""

import os
import re
from pathlib import Path


def write_path(path: str) -> str:
    """Return the text of ``path`` or ``paths`` that means this very path, whatever signs it has."""
    return "/".join(_write_part(each) for each in path.split("/"))


def read_path(text: str) -> str:
    """Return the path that ``write_path`` wrote so."""
    return "/".join(_read_part(each) for each in text.split("/"))


def write_pattern(path: str, *, is_folder: bool = False) -> str:
    """Return the pattern that leaves this very path out; ``path`` is relative to where patterns begin."""
    return "/" + re.sub(r"([\\*?\[])", r"\\\1", path) + ("/" if is_folder else "")


def can_be_written(path: Path) -> bool:
    """Say whether a file of text can hold the path: a name need not be UTF-8."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read_part(text: str) -> str:
    if not re.search(r"\[[*?\[]\]", text):
        return text
    return re.sub(r"\[([*?\[])\]", r"\1", text).replace("\\\\", "\\")


def _write_part(part: str) -> str:
    """Return one name; a backslash means itself where no sign stands for others."""
    if not re.search(r"[*?\[]", part):
        return part
    return re.sub(r"([*?\[])", r"[\1]", part.replace("\\", "\\\\"))
