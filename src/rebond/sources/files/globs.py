"""Globs as Git matches them, translated to regular expressions over bytes."""

import re

_SPECIAL = frozenset(b"*?[\\")
_SLASH = ord("/")
_CLASSES: dict[bytes, frozenset[int]] = {
    name: frozenset(code for code in range(128) if re.fullmatch(expression, bytes([code])))
    for name, expression in {
        b"alnum": rb"[0-9A-Za-z]",
        b"alpha": rb"[A-Za-z]",
        b"blank": rb"[ \t]",
        b"cntrl": rb"[\x00-\x1f\x7f]",
        b"digit": rb"[0-9]",
        b"graph": rb"[\x21-\x7e]",
        b"lower": rb"[a-z]",
        b"print": rb"[\x20-\x7e]",
        b"punct": rb"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]",
        b"space": rb"[ \t\n\r\f\v]",
        b"upper": rb"[A-Z]",
        b"xdigit": rb"[0-9A-Fa-f]",
    }.items()
}


def translate_glob(glob: bytes, *, crosses_slashes: bool, is_narrow: bool = False) -> bytes | None:
    """Return the regular expression for ``glob``; ``None`` when it is malformed and matches nothing.

    ``crosses_slashes``: a star may match a slash (the subject is a single name, so it never does).
    ``is_narrow``: of what the versions of Git read differently, the meaning that fits fewer paths; otherwise more.
    """
    parts: list[bytes] = []
    # Git before 2.52 compares the plain bytes at the front by themselves and starts to match after them, so stars
    # right after them are stars at the beginning: "a**/b" is "a" and then "**/b". Newer ones keep to "a*/b".
    opening = 0 if is_narrow else count_plain(glob)
    position = 0
    while position < len(glob):
        code = glob[position]
        if code == 0x5C:
            if position + 1 == len(glob):
                return None
            parts.append(re.escape(glob[position + 1 : position + 2]))
            position += 2
        elif code == 0x3F:
            parts.append(b"." if crosses_slashes else b"[^/]")
            position += 1
        elif code == 0x2A:
            part, position = _translate_stars(glob, position, opening, crosses_slashes=crosses_slashes)
            parts.append(part)
        elif code == 0x5B:
            members, position = _read_bracket(glob, position)
            if members is None:
                return None
            parts.append(_write_class(members if crosses_slashes else members - {_SLASH}))
        else:
            parts.append(re.escape(glob[position : position + 1]))
            position += 1
    return b"".join(parts)


def count_plain(glob: bytes) -> int:
    """Return how many bytes come before the first special one."""
    return next((position for position, code in enumerate(glob) if code in _SPECIAL), len(glob))


def _translate_stars(glob: bytes, start: int, opening: int, *, crosses_slashes: bool) -> tuple[bytes, int]:
    end = start
    while end < len(glob) and glob[end] == 0x2A:
        end += 1
    if crosses_slashes:
        return b".*", end
    opens = start in (0, opening) or glob[start - 1] == _SLASH
    follows = glob[end : end + 2]
    if end - start < 2 or not opens or (follows and not follows.startswith(b"/") and follows != b"\\/"):
        return b"[^/]*", end
    if follows.startswith(b"/"):
        return b"(?:.*/)?", end + 1
    return b".*", end


def _read_bracket(glob: bytes, start: int) -> tuple[frozenset[int] | None, int]:
    """Return the bytes that ``[...]`` stands for and where it ends; ``None`` when it never ends."""
    position = start + 1
    is_negated = glob[position : position + 1] in (b"!", b"^")
    if is_negated:
        position += 1
    members: set[int] = set()
    previous: int | None = None
    is_first = True
    while is_first or glob[position : position + 1] != b"]":
        is_first = False
        if position >= len(glob):
            return None, position
        step = _read_member(glob, position, previous, members)
        if step is None:
            return None, position
        position, previous = step
    chosen = frozenset(range(256)) - members if is_negated else frozenset(members)
    return chosen, position + 1


def _read_member(glob: bytes, position: int, previous: int | None, members: set[int]) -> tuple[int, int | None] | None:
    """Add what stands at ``position`` in a bracket; return where the next begins and what a range may start at."""
    code = glob[position]
    after = glob[position + 1 : position + 2]
    if code == 0x5C:
        if not after:
            return None
        members.add(after[0])
        return position + 2, after[0]
    if code == 0x2D and previous is not None and after and after != b"]":
        position += 1
        if after == b"\\":
            position += 1
            if position >= len(glob):
                return None
        members.update(range(previous, glob[position] + 1))
        return position + 1, None
    if code == 0x5B and after == b":":
        return _read_class(glob, position, members)
    members.add(code)
    return position + 1, code


def _read_class(glob: bytes, position: int, members: set[int]) -> tuple[int, int | None] | None:
    """Add a named class such as ``[:digit:]``; without its ``:]`` the bracket is an ordinary byte."""
    end = glob.find(b"]", position + 2)
    if end < 0:
        return None
    if end - position < 3 or glob[end - 1] != 0x3A:
        members.add(0x5B)
        return position + 1, 0x5B
    named = _CLASSES.get(glob[position + 2 : end - 1])
    if named is None:
        return None
    members.update(named)
    return end + 1, None


def _write_class(members: frozenset[int]) -> bytes:
    if not members:
        return b"(?!)"
    return b"[" + b"".join(b"\\x%02x" % code for code in sorted(members)) + b"]"
