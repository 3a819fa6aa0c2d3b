"""What every rule about a whole configuration needs: the names that there are, and a way to report what is wrong."""

from collections.abc import Iterable

from rebond.config.places import Node, Problems, find_nearest
from rebond.errors import ConfigError


class Judging:
    """One configuration while it is judged. ``spoilt`` are the paths at which something is reported already."""

    def __init__(self, root: Node, problems: Problems, spoilt: set[str]) -> None:
        self.root = root
        self.problems = problems
        self.spoilt = spoilt
        self.components = self._names("component")
        self.classes = self._names("class")
        self.vaults = self._names("vaults")

    def refuse(self, node: Node, problem: ConfigError) -> None:
        """Report an error at its place."""
        self.problems.refuse(node.place, problem)

    def refuse_pair(self, node: Node, first: str, second: str) -> None:
        """Report two keys of which one is enough."""
        self.refuse(
            node.find(second),
            ConfigError(
                "'{key}' has both {first} and {second}.",
                hint="Keep one of the two.",
                key=node.path,
                first=first,
                second=second,
            ),
        )

    def require_known(self, node: Node, name: object, known: Iterable[str]) -> None:
        """Report a name that leads nowhere, with the nearest that does."""
        names = list(known)
        if not isinstance(name, str) or name in names:
            return
        nearest = find_nearest(name, names)
        self.refuse(
            node,
            ConfigError(
                "'{key}' names '{name}', which is nowhere.",
                hint="Did you mean '{nearest}'?" if nearest else "There are: {known}.",
                key=node.path,
                name=name,
                nearest=nearest,
                known=", ".join(names) or "–",
            ),
        )

    def require_all(self, node: Node, word: str, known: Iterable[str]) -> None:
        """Report each name of a list that leads nowhere."""
        for each in node.find(word).items if word in node.members else ():
            self.require_known(each, each.value, known)

    def _names(self, table: str) -> list[str]:
        return list(self.root.members[table].members) if table in self.root.members else []
