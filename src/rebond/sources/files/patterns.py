"""Patterns with the meaning that Git gives them, and sets of them that are quick to ask.

The grammar is that of ``gitignore(5)``, down to its corners: a test compares it with Git itself. Stars right after
plain text (``a**/b``) mean more to versions before 2.52 than to newer ones: such a pattern leaves out what all of them
leave out, and behind ``!`` keeps what any of them keeps.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec import Struct, field

from rebond.sources.files.globs import count_plain, translate_glob


class Pattern(Struct, frozen=True, kw_only=True, dict=True):
    """One line of rules. ``origin`` is a flag or a file; ``line`` counts from 1 and is 0 for a flag.

    ``glob`` is what remains of the text without ``!`` and the slashes that have a meaning of their
    own. It is matched against the last part of a path, or, if ``is_anchored``, against all of it.
    """

    text: bytes
    origin: str
    line: int = 0
    glob: bytes
    is_negated: bool = False
    is_anchored: bool = False
    needs_directory: bool = False

    @cached_property
    def expression(self) -> bytes | None:
        """The regular expression with the same meaning; ``None`` when nothing can ever match."""
        # Where versions of Git differ, nothing is left out that one of them would keep.
        return translate_glob(self.glob, crosses_slashes=not self.is_anchored, is_narrow=not self.is_negated)

    @cached_property
    def _compiled(self) -> re.Pattern[bytes] | None:
        return None if self.expression is None else re.compile(self.expression, re.DOTALL)

    def matches(self, path: bytes, name: bytes, *, is_directory: bool) -> bool:
        """Say whether the thing at ``path`` (relative to where the pattern stands) is meant."""
        if self.needs_directory and not is_directory:
            return False
        if self._compiled is None:
            return False
        return self._compiled.fullmatch(path if self.is_anchored else name) is not None


def parse_pattern(text: bytes, *, origin: str, line: int = 0) -> Pattern | None:
    """Read one pattern, without regard to comments; ``None`` for one that is empty."""
    rest = text
    is_negated = rest.startswith(b"!")
    if is_negated:
        rest = rest[1:]
    needs_directory = rest.endswith(b"/")
    if needs_directory:
        rest = rest[:-1]
    is_anchored = b"/" in rest
    if rest.startswith(b"/"):
        rest = rest[1:]
    if not rest:
        return None
    return Pattern(
        text=text,
        origin=origin,
        line=line,
        glob=rest,
        is_negated=is_negated,
        is_anchored=is_anchored,
        needs_directory=needs_directory,
    )


def parse_lines(content: bytes, *, origin: str) -> list[Pattern]:
    """Read a file of patterns: one per line, ``#`` begins a comment, spaces at the end do not count."""
    patterns = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if raw.startswith(b"#"):
            continue
        pattern = parse_pattern(_strip_spaces(raw.removesuffix(b"\r")), origin=origin, line=number)
        if pattern is not None:
            patterns.append(pattern)
    return patterns


def _strip_spaces(line: bytes) -> bytes:
    """Take spaces off the end, except one that a backslash protects."""
    position = 0
    kept = 0
    while position < len(line):
        if line[position] == 0x5C and position + 1 < len(line):
            position += 2
            kept = position
            continue
        position += 1
        if line[position - 1] != 0x20:
            kept = position
    return line[:kept]


OUT_OF_REACH = b"\0/"  # the prefix of a directory in which no anchored pattern can match any more


class _Lookup(Struct):
    """What one kind of thing (directories, or all else) is asked about, arranged for speed."""

    names: set[bytes] = field(default_factory=set)
    endings: tuple[bytes, ...] = ()
    expression: re.Pattern[bytes] | None = None
    places: dict[bytes, set[bytes]] = field(default_factory=dict)
    paths: re.Pattern[bytes] | None = None


class PatternSet:
    """The patterns of one flag list or one file; the last one that matches decides.

    Asking is done in two steps, because nearly nothing matches: ``find_suspects`` passes over all
    names of a directory at once with sets, endings and one regular expression; only what it
    returns is put to ``decide``, which finds the deciding pattern.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        excluding = [pattern for pattern in self.patterns if not pattern.is_negated]
        anchored = [pattern.glob for pattern in self.patterns if pattern.is_anchored]
        self._leads = [glob[: count_plain(glob)] for glob in anchored]
        self._directories = _arrange(excluding)
        self._others = _arrange(pattern for pattern in excluding if not pattern.needs_directory)

    def move(self, prefix: bytes, step: bytes) -> bytes:
        """Return the prefix one directory further down; ``OUT_OF_REACH`` where no pattern depends on the path."""
        moved = prefix + step
        for lead in self._leads:
            if lead.startswith(moved) or moved.startswith(lead):
                return moved
        return OUT_OF_REACH

    def find_suspects(self, prefix: bytes, names: Sequence[bytes], *, is_directory: bool) -> list[bytes]:
        """Return those of ``names`` that some excluding pattern matches; a name may come twice.

        ``prefix`` is the path from where the set stands to the directory of the names, with its
        closing slash; empty in that very directory.
        """
        lookup = self._directories if is_directory else self._others
        suspects: list[bytes] = []
        # Plain loops: this runs for every directory, most of which hold few names.
        if lookup.names and not lookup.names.isdisjoint(names):
            suspects += lookup.names.intersection(names)
        endings = lookup.endings
        if endings:
            for name in names:
                if name.endswith(endings):
                    suspects.append(name)
        if lookup.expression is not None:
            match = lookup.expression.fullmatch
            suspects += [name for name in names if match(name)]
        if prefix == OUT_OF_REACH:
            return suspects
        if lookup.places:
            here = lookup.places.get(prefix)
            if here:
                suspects += here.intersection(names)
        if lookup.paths is not None:
            match = lookup.paths.fullmatch
            suspects += [name for name in names if match(prefix + name)]
        return suspects

    def decide(self, prefix: bytes, name: bytes, *, is_directory: bool) -> Pattern | None:
        """Return the pattern that decides about ``name``, excluding or negated; ``None`` when none matches."""
        path = prefix + name
        for pattern in reversed(self.patterns):
            if pattern.matches(path, name, is_directory=is_directory):
                return pattern
        return None


def _arrange(patterns: Iterable[Pattern]) -> _Lookup:
    lookup = _Lookup()
    endings: list[bytes] = []
    expressions: list[bytes] = []
    paths: list[bytes] = []
    for pattern in patterns:
        plain_length = count_plain(pattern.glob)
        is_plain = plain_length == len(pattern.glob)
        if pattern.is_anchored:
            if is_plain:
                directory, _, name = pattern.glob.rpartition(b"/")
                lookup.places.setdefault(directory + b"/" if directory else b"", set()).add(name)
            elif pattern.expression is not None:
                paths.append(pattern.expression)
        elif is_plain:
            lookup.names.add(pattern.glob)
        elif plain_length == 0 and pattern.glob[:1] == b"*" and count_plain(pattern.glob[1:]) == len(pattern.glob) - 1:
            endings.append(pattern.glob[1:])
        elif pattern.expression is not None:
            expressions.append(pattern.expression)
    lookup.endings = tuple(endings)
    lookup.expression = _join(expressions)
    lookup.paths = _join(paths)
    return lookup


def _join(expressions: Sequence[bytes]) -> re.Pattern[bytes] | None:
    if not expressions:
        return None
    return re.compile(b"|".join(b"(?:%b)" % expression for expression in expressions), re.DOTALL)
