"""What was written where, and what is wrong with it."""

import difflib
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from rebond.errors import UsageError


class Place(Struct, frozen=True):
    """A line of a file. ``line`` counts from 1; 0 where it is not known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Node(Struct, frozen=True, kw_only=True):
    """A value as it was written: text, a number, a truth, a date, a list of nodes, or nodes by their keys.

    ``path`` is how one would say it: ``component.media.paths[2]``, counted from 1.
    """

    value: object
    place: Place
    path: str

    @property
    def members(self) -> dict[str, "Node"]:
        """The nodes of a table; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list["Node"]:
        """The nodes of a list; none for anything else."""
        return self.value if isinstance(self.value, list) else []

    def find(self, *steps: str | int) -> "Node":
        """Return the node below; the nearest one above it that is there, where it is not."""
        here = self
        for step in steps:
            if isinstance(step, int):
                if step >= len(here.items):
                    return here
                here = here.items[step]
            else:
                below = here.members.get(step)
                if below is None:
                    return here
                here = below
        return here

    def walk(self) -> Iterator["Node"]:
        """Yield this node and every one below it."""
        yield self
        for below in [*self.members.values(), *self.items]:
            yield from below.walk()

    def plain(self) -> object:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.members.items()}
        return [each.plain() for each in self.items] if isinstance(self.value, list) else self.value


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong. A warning does not keep the configuration from being used."""

    place: Place
    error: UsageError
    is_warning: bool = False


class Problems(Struct):
    """Everything that is wrong, collected."""

    found: list[Problem] = field(default_factory=list)

    def refuse(self, place: Place, error: UsageError) -> None:
        """Note what makes the configuration unusable."""
        self.found.append(Problem(place=place, error=error))

    def warn(self, place: Place, error: UsageError) -> None:
        """Note what can hardly be meant."""
        self.found.append(Problem(place=place, error=error, is_warning=True))

    def in_order(self) -> tuple[Problem, ...]:
        """Return each problem once, by file and line; the main file, which was read first, first."""
        files = {each.place.file: None for each in self.found}
        order = {name: number for number, name in enumerate(files)}
        unique = {(each.place, each.error.message): each for each in reversed(self.found)}
        return tuple(sorted(unique.values(), key=lambda each: (order[each.place.file], each.place.line)))


def find_nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant; empty when none is near."""
    folded = {each.lower().replace("-", "_"): each for each in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else ""
