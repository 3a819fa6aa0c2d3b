"""What damage reaches: for each damaged object the snapshots and paths that it touches."""

from collections.abc import Callable, Collection, Iterable

from msgspec import Struct

from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId

PATHS_KEPT = 250_000  # in memory, of all damaged objects together; what goes beyond is counted
NO_OBJECT = "packs/"  # stands for packs that no list names any more: their names are lost with them


class ReachedPath(Struct, frozen=True, kw_only=True):
    """One path that cannot be read back whole, in each of ``snapshots``.

    ``is_subtree`` says that a directory object is lost: the path and everything below it. An empty
    ``component`` stands for the whole snapshot, an empty ``path`` for the root of the component.
    """

    component: str
    path: bytes
    snapshots: tuple[SnapshotId, ...]
    is_subtree: bool = False


class DamagedObject(Struct, frozen=True, kw_only=True):
    """One object whose bytes are missing or wrong, and what that reaches.

    ``snapshots`` need something of it that no other place holds. ``paths`` are known only to the
    owner's key; ``unlisted_paths`` counts those beyond the limit of memory.
    """

    name: str
    codes: tuple[str, ...]
    snapshots: tuple[SnapshotId, ...] = ()
    paths: tuple[ReachedPath, ...] = ()
    unlisted_paths: int = 0


_Key = tuple[str, bytes, bool]  # component, path, is_subtree


class DamageBook:
    """Gathers findings and, for each object with damage, what it reaches. Used from one thread."""

    def __init__(self, listen: Callable[[Finding], None] = lambda _: None) -> None:
        self.findings: list[Finding] = []
        self._listen = listen
        self._told: set[tuple[str, str]] = set()
        self._codes: dict[str, dict[str, None]] = {}
        self._snapshots: dict[str, int] = {}
        self._paths: dict[str, dict[_Key, int]] = {}
        self._unlisted: dict[str, int] = {}
        self._numbers: dict[SnapshotId, int] = {}
        self._kept = 0

    def note(self, finding: Finding, *, snapshots: Iterable[SnapshotId] = ()) -> None:
        """Take a finding; damage is remembered by its object, with the snapshots it is known to reach.

        A second finding with the same code about the same object is dropped.
        """
        if (finding.code, finding.subject) not in self._told:
            self._told.add((finding.code, finding.subject))
            self.findings.append(finding)
            self._listen(finding)
        if finding.severity is Severity.DAMAGE:
            self._codes.setdefault(finding.subject, {})[finding.code] = None
            for snapshot in snapshots:
                self.reach_snapshot(finding.subject, snapshot)

    def reach_snapshot(self, name: str, snapshot: SnapshotId) -> None:
        """Note that a snapshot needs something of ``name`` that no other place holds."""
        self._codes.setdefault(name, {})
        self._snapshots[name] = self._snapshots.get(name, 0) | self._bit(snapshot)

    def reach_path(
        self, names: Collection[str], snapshot: SnapshotId, component: str, path: bytes, *, is_subtree: bool = False
    ) -> None:
        """Note that a path of a snapshot cannot be read back whole because of ``names``."""
        key = (component, path, is_subtree)
        for name in names:
            self.reach_snapshot(name, snapshot)
            paths = self._paths.setdefault(name, {})
            if key not in paths:
                if self._kept >= PATHS_KEPT:
                    self._unlisted[name] = self._unlisted.get(name, 0) + 1
                    continue
                self._kept += 1
            paths[key] = paths.get(key, 0) | self._bit(snapshot)

    def unexplained(self) -> list[str]:
        """Return the objects that damage reaches from and that no finding tells of yet."""
        return [name for name, codes in self._codes.items() if not codes]

    def reaches_anything(self, name: str) -> bool:
        """Whether a snapshot or path is known to be reached by the damage of an object."""
        return bool(self._snapshots.get(name))

    def merge(self, other: "DamageBook") -> None:
        """Take in all that another book says."""
        for finding in other.findings:
            self.note(finding)
        for damaged in other.damaged_objects():
            for snapshot in damaged.snapshots:
                self.reach_snapshot(damaged.name, snapshot)
            for reached in damaged.paths:
                for snapshot in reached.snapshots:
                    self.reach_path(
                        (damaged.name,), snapshot, reached.component, reached.path, is_subtree=reached.is_subtree
                    )
            if damaged.unlisted_paths:
                self._unlisted[damaged.name] = self._unlisted.get(damaged.name, 0) + damaged.unlisted_paths

    @property
    def has_damage(self) -> bool:
        """Whether any object is damaged."""
        return bool(self._codes)

    def damaged_objects(self) -> tuple[DamagedObject, ...]:
        """Return every damaged object, by name, with what it reaches."""
        snapshots = list(self._numbers)
        expanded: dict[int, tuple[SnapshotId, ...]] = {}

        def expand(bits: int) -> tuple[SnapshotId, ...]:
            if bits not in expanded:
                expanded[bits] = tuple(one for number, one in enumerate(snapshots) if bits >> number & 1)
            return expanded[bits]

        return tuple(
            DamagedObject(
                name=name,
                codes=tuple(codes),
                snapshots=expand(self._snapshots.get(name, 0)),
                paths=tuple(
                    ReachedPath(component=component, path=path, snapshots=expand(bits), is_subtree=is_subtree)
                    for (component, path, is_subtree), bits in sorted(self._paths.get(name, {}).items())
                ),
                unlisted_paths=self._unlisted.get(name, 0),
            )
            for name, codes in sorted(self._codes.items())
        )

    def _bit(self, snapshot: SnapshotId) -> int:
        return 1 << self._numbers.setdefault(snapshot, len(self._numbers))
