"""A directory whose subdirectories are still being walked: what is known of it so far."""

from operator import itemgetter

from msgspec import Struct, field


class OpenDirectory(Struct):
    """Entries gathered in the order of the walk; ``encoded`` is the directory's own entry.

    Of one that ``is_leaf``, in which no subdirectory can come any more, ``pages`` are kept already: those of the first
    entries, which are gathered here no longer.
    """

    depth: int
    path: bytes
    encoded: bytes
    names: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    children: list[tuple[bytes, bytes]] = field(default_factory=list)
    is_leaf: bool = False
    pages: list[bytes] = field(default_factory=list)

    def join_children(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Return names and entries in order, subdirectories among them, and the names that came twice.

        A stored name that comes twice is damage: the directory's entry stays, not the file's.
        """
        if not self.children:
            return self.names, self.entries, []
        merged = sorted([*self.children, *zip(self.names, self.entries, strict=True)], key=itemgetter(0))
        names = [name for name, _ in merged]
        if len(set(names)) == len(names):
            return names, [entry for _, entry in merged], []
        once: dict[bytes, bytes] = {}
        repeated = [name for name, entry in merged if once.setdefault(name, entry) is not entry]
        return list(once), list(once.values()), repeated
