"""Which paths of a snapshot are wanted: ``--include`` and ``--exclude``, with the meaning of ``.gitignore``."""

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from rebond.sources.files.globs import translate_glob
from rebond.sources.files.patterns import Pattern, parse_pattern

_MAGIC = re.compile(rb"[*?\[\\]")


class Selection(Struct, frozen=True, dict=True):
    """Patterns that choose. Without an include everything is wanted; an exclude always wins.

    A pattern is compared with the path below the component, and with COMPONENT/PATH. What it
    fits is wanted, or left out, with everything below it. What ``others`` fit is left out too: it
    belongs to other components, and is compared with the path below this one only.
    """

    includes: tuple[Pattern, ...] = ()
    excludes: tuple[Pattern, ...] = ()
    others: tuple[Pattern, ...] = ()

    @classmethod
    def from_flags(
        cls, include: Sequence[str] = (), exclude: Sequence[str] = (), others: Sequence[str] = ()
    ) -> "Selection":
        """Read the patterns of the command line, and those of what is other components'."""
        return cls(_parse(include, "--include"), _parse(exclude, "--exclude"), _parse(others, "others"))

    def leaving(self, others: Sequence[str]) -> "Selection":
        """Return the same choice without what fits these patterns: it is other components'."""
        return replace(self, others=(*self.others, *_parse(others, "others"))) if others else self

    @property
    def wants_everything(self) -> bool:
        """Whether nothing is chosen: all that is the component's own is wanted."""
        return not self.includes and not self.excludes

    def excludes_path(self, component: bytes, path: bytes, *, is_directory: bool) -> bool:
        """Whether this path, and so everything below it, is left out."""
        excludes = self.excludes if is_directory else self._excludes_of_files
        return (bool(excludes) and _fits(excludes, component, path, is_directory)) or (
            bool(self.others and path) and _fits_below(self.others, path, is_directory)
        )

    @cached_property
    def _excludes_of_files(self) -> tuple[Pattern, ...]:
        """Those that can fit what is no directory: mostly none, and nearly all that is asked for is a file."""
        return tuple(pattern for pattern in self.excludes if not pattern.needs_directory)

    def includes_path(self, component: bytes, path: bytes, *, is_directory: bool) -> bool:
        """Whether this path, and so everything below it, is wanted for its own sake."""
        return not self.includes or _fits(self.includes, component, path, is_directory)

    def may_include_below(self, component: bytes, path: bytes) -> bool:
        """Whether anything below a directory can be wanted: spares looking into the others."""
        return _may_fit_below(self.includes, component, path)

    def names_below(self, component: bytes, path: bytes) -> frozenset[bytes] | None:
        """Return the only names that can be wanted in a directory that is not wanted itself; ``None`` for any.

        Where all patterns name what they want, a directory of a million entries is not read for one of them.
        """
        names: set[bytes] = set()
        for pattern in self.includes:
            if not pattern.is_anchored:
                return None
            for here in (path, component + b"/" + path if path else component):
                if _leads_to(pattern.glob, here):
                    parts = pattern.glob.split(b"/")[: here.count(b"/") + 2 if here else 1]
                    if _MAGIC.search(parts[-1]) or any(b"**" in part for part in parts):
                        return None
                    names.add(parts[-1])
        return frozenset(names)

    def may_exclude_below(self, component: bytes, path: bytes) -> bool:
        """Whether anything below a directory can be left out: spares asking for each thing in it."""
        return _may_fit_below(self.excludes, component, path) or any(
            not pattern.is_anchored or _leads_to(pattern.glob, path) for pattern in self.others
        )


def _parse(texts: Sequence[str], origin: str) -> tuple[Pattern, ...]:
    parsed = (parse_pattern(text.encode(errors="surrogateescape"), origin=origin) for text in texts)
    return tuple(pattern for pattern in parsed if pattern is not None)


def _fits(patterns: Sequence[Pattern], component: bytes, path: bytes, is_directory: bool) -> bool:
    if not path:
        return any(
            pattern.glob == component
            or (pattern.is_anchored and pattern.matches(component, component, is_directory=True))
            for pattern in patterns
        )
    name = path.rsplit(b"/", 1)[-1]
    whole = component + b"/" + path
    return any(
        pattern.matches(path, name, is_directory=is_directory)
        or (pattern.is_anchored and pattern.matches(whole, name, is_directory=is_directory))
        for pattern in patterns
    )


def _fits_below(patterns: Sequence[Pattern], path: bytes, is_directory: bool) -> bool:
    name = path.rsplit(b"/", 1)[-1]
    return any(pattern.matches(path, name, is_directory=is_directory) for pattern in patterns)


def _may_fit_below(patterns: Sequence[Pattern], component: bytes, path: bytes) -> bool:
    return any(
        not pattern.is_anchored or _leads_to(pattern.glob, path) or _leads_to(pattern.glob, component + b"/" + path)
        for pattern in patterns
    )


def _leads_to(glob: bytes, directory: bytes) -> bool:
    """Whether a path that fits ``glob`` can lie below ``directory``."""
    wanted, here = glob.split(b"/"), directory.split(b"/") if directory else []
    for position, part in enumerate(here):
        if position >= len(wanted):
            return False
        if b"**" in wanted[position]:
            return True
        if not _fits_part(wanted[position], part):
            return False
    return len(wanted) > len(here)


def _fits_part(glob: bytes, part: bytes) -> bool:
    if glob == part:
        return True
    expression = _translate(glob)
    return expression is not None and expression.fullmatch(part) is not None


@lru_cache(maxsize=1024)
def _translate(glob: bytes) -> re.Pattern[bytes] | None:
    expression = translate_glob(glob, crosses_slashes=False)
    return None if expression is None else re.compile(expression, re.DOTALL)
