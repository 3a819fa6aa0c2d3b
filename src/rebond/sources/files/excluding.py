"""Which paths are left out, by which rule, and where that rule was written.

Order of say, the first that has an opinion wins: the patterns of the command line and of
``--exclude-from``; ``.rebondignore`` files, the nearest first; ``.gitignore`` files, the nearest
first, and ``.git/info/exclude`` (only if asked for). Within one file the last line that matches
decides. Nothing below a directory that is left out can be taken in again. The root itself is always
saved: it was named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from rebond.sources.files.paths import join_path, show_path
from rebond.sources.files.patterns import OUT_OF_REACH, Pattern, PatternSet, parse_pattern
from rebond.sources.files.rule_files import (
    CACHE_TAG,
    GIT,
    GITIGNORE,
    Layer,
    Report,
    has_cache_signature,
    read_exclude_file,
    read_git_above,
    read_info_exclude,
    read_layer,
)

IGNORE_FILE = b".rebondignore"
NO_BACKUP = b".nobackup"


class Rule(Struct, frozen=True, kw_only=True):
    """One reason to leave something out or to keep it. ``line`` counts from 1; 0 where there are no lines."""

    text: str
    origin: str
    line: int = 0
    is_negated: bool = False

    @property
    def place(self) -> str:
        """Where the rule is written: ``FILE:LINE`` or the flag."""
        return f"{self.origin}:{self.line}" if self.line else self.origin


class Rules:
    """Everything that was asked to be left out. Never changes; one may serve several trees.

    ``patterns`` are those of the command line, in the order given. A directory that holds one of
    ``markers``, or a ``CACHEDIR.TAG`` with the right signature, is kept with that file alone.
    Files larger than ``larger_than_bytes`` are left out.
    """

    def __init__(
        self,
        *,
        patterns: Sequence[Pattern] = (),
        markers: Iterable[bytes] = (NO_BACKUP,),
        ignore_file: bytes = IGNORE_FILE,
        reads_gitignore: bool = False,
        honours_cache_tags: bool = True,
        larger_than_bytes: int | None = None,
    ) -> None:
        self.patterns = tuple(patterns)
        self.markers = frozenset(markers)
        self.ignore_file = ignore_file
        self.reads_gitignore = reads_gitignore
        self.honours_cache_tags = honours_cache_tags
        self.larger_than_bytes = larger_than_bytes
        tags = {CACHE_TAG} if honours_cache_tags else set()
        git = {GIT, GITIGNORE} if reads_gitignore else set()
        self.watched_names = frozenset({ignore_file, *self.markers, *tags, *git})

    @classmethod
    def from_flags(
        cls,
        *,
        exclude: Sequence[str] = (),
        exclude_from: Sequence[str] = (),
        exclude_if_present: Sequence[str] = (),
        larger_than_bytes: int | None = None,
        gitignore: bool = False,
    ) -> Rules:
        """Return the rules of the command line; ``.nobackup`` and ``CACHEDIR.TAG`` are always among them.

        Raises ``UsageError`` when a file of patterns cannot be read.
        """
        patterns = [pattern for name in exclude_from for pattern in read_exclude_file(name)]
        for text in exclude:
            pattern = parse_pattern(os.fsencode(text), origin="--exclude")
            if pattern is not None:
                patterns.append(pattern)
        return cls(
            patterns=patterns,
            markers=(NO_BACKUP, *map(os.fsencode, exclude_if_present)),
            reads_gitignore=gitignore,
            larger_than_bytes=larger_than_bytes,
        )

    def start(self, root: bytes, report: Report) -> Scope:
        """Return the scope of the root. ``root`` must be absolute.

        A pattern of the command line that begins with the root's own path means the thing below it.
        """
        patterns = [_anchor_below(pattern, root) for pattern in self.patterns]
        fixed: tuple[Layer, ...] = ((PatternSet(patterns), b""),) if patterns else ()
        git = read_git_above(root, report) if self.reads_gitignore else ()
        return Scope(self, root, fixed=fixed, git=git)

    def size_rule(self) -> Rule:
        """Return the rule by which a file is too large."""
        return Rule(text=f"{self.larger_than_bytes} bytes", origin="--larger-than")


class Scope:
    """The rules as they stand in one directory. Never changes; ``enter`` and ``arrive`` return others."""

    __slots__ = ("_fixed", "_git", "_is_in_git", "_moves", "_own", "_root", "_rules", "layers")

    def __init__(
        self,
        rules: Rules,
        root: bytes,
        *,
        fixed: tuple[Layer, ...] = (),
        own: tuple[Layer, ...] = (),
        git: tuple[Layer, ...] = (),
        is_in_git: bool = False,
    ) -> None:
        self._rules = rules
        self._root = root
        self._fixed = fixed
        self._own = own
        self._git = git
        self._is_in_git = is_in_git
        self.layers = (*fixed, *own, *git)
        self._moves = False
        for _, prefix in self.layers:
            if prefix != OUT_OF_REACH:
                self._moves = True

    def enter(self, name: bytes) -> Scope:
        """Return the scope of the subdirectory ``name``, before its own files have been looked at."""
        starts_git = name == GIT and self._rules.reads_gitignore and not self._is_in_git
        if not self._moves and not starts_git:
            return self
        step = name + b"/"
        return Scope(
            self._rules,
            self._root,
            fixed=_move(self._fixed, step),
            own=_move(self._own, step),
            # What a project ignores ("*.log") says nothing about the inside of its .git ("logs/").
            git=() if starts_git else _move(self._git, step),
            is_in_git=self._is_in_git or starts_git,
        )

    def arrive(
        self, directory_fd: int, path: bytes, names: Sequence[bytes], directories: Sequence[bytes], report: Report
    ) -> Scope:
        """Return the scope with the files of patterns of the directory ``path`` (relative to the root) added."""
        rules = self._rules
        own, git = self._own, self._git
        if rules.ignore_file in names:
            own = (*self._read(directory_fd, path, rules.ignore_file, report), *own)
        if rules.reads_gitignore and not self._is_in_git:
            if GIT in directories or GIT in names:
                # Another repository begins: what the outer one ignores does not reach into it.
                git = read_info_exclude(directory_fd, os.path.join(self._root, path), report)
            if GITIGNORE in names:
                git = (*self._read(directory_fd, path, GITIGNORE, report), *git)
        if own is self._own and git is self._git:
            return self
        return Scope(rules, self._root, fixed=self._fixed, own=own, git=git, is_in_git=self._is_in_git)

    def find_marker(self, directory_fd: int, names: Sequence[bytes], directories: Sequence[bytes]) -> bytes | None:
        """Return the name by which the contents of the directory are left out; ``None`` without one."""
        for marker in sorted(self._rules.markers):
            if marker in names or marker in directories:
                return marker
        if self._rules.honours_cache_tags and CACHE_TAG in names and has_cache_signature(directory_fd):
            return CACHE_TAG
        return None

    def marker_rule(self, marker: bytes) -> Rule:
        """Return the rule by which ``marker`` leaves out the contents of its directory."""
        if marker == CACHE_TAG and marker not in self._rules.markers:
            return Rule(text=show_path(marker), origin="a directory that says it is a cache")
        return Rule(text=show_path(marker), origin="--exclude-if-present")

    def find_excluded(
        self, names: Sequence[bytes], *, are_directories: bool, tally: Counter[Rule] | None = None
    ) -> set[bytes]:
        """Return those of ``names`` that are left out, and count each under its rule."""
        suspects: list[bytes] = []
        for patterns, prefix in self.layers:
            suspects += patterns.find_suspects(prefix, names, is_directory=are_directories)
        excluded: set[bytes] = set()
        if suspects:
            for name in set(suspects):
                rule = self.decide(name, is_directory=are_directories)
                if rule is not None and not rule.is_negated:
                    excluded.add(name)
                    if tally is not None:
                        tally[rule] += 1
        return excluded

    def decide(self, name: bytes, *, is_directory: bool) -> Rule | None:
        """Return the rule that decides about ``name`` in this directory; ``None`` when none has an opinion."""
        # A repository's rules are about its files, never about the repository itself ("*" would drop it).
        layers = self.layers if name != GIT else (*self._fixed, *self._own)
        for patterns, prefix in layers:
            pattern = patterns.decide(prefix, name, is_directory=is_directory)
            if pattern is not None:
                return _rule_of(pattern)
        return None

    def _read(self, directory_fd: int, path: bytes, name: bytes, report: Report) -> tuple[Layer, ...]:
        return read_layer(directory_fd, name, os.path.join(self._root, join_path(path, name)), b"", report)


def _rule_of(pattern: Pattern) -> Rule:
    return Rule(text=show_path(pattern.text), origin=pattern.origin, line=pattern.line, is_negated=pattern.is_negated)


def _move(layers: tuple[Layer, ...], step: bytes) -> tuple[Layer, ...]:
    if not layers:
        return layers
    return tuple(
        [(patterns, prefix if prefix == OUT_OF_REACH else patterns.move(prefix, step)) for patterns, prefix in layers]
    )


def _anchor_below(pattern: Pattern, root: bytes) -> Pattern:
    """Read ``/srv/app/cache`` as ``/cache`` where the root is ``/srv/app``."""
    bare = pattern.text[1:] if pattern.is_negated else pattern.text
    if root == b"/" or not bare.startswith(root + b"/"):
        return pattern
    sign = b"!" if pattern.is_negated else b""
    parsed = parse_pattern(sign + bare[len(root) :], origin=pattern.origin, line=pattern.line)
    return pattern if parsed is None else parsed
