"""What a drill of a snapshot does: what is put where, which servers are made, what is asked."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from rebond.config.components import NOTHING_TO_SAVE, Files, Versioned
from rebond.operations.browsing import holds_single_file, walk
from rebond.operations.browsing import root_of as root_of_tree
from rebond.operations.drills.drill import DrillPart, DrillPlan, Question, Stage
from rebond.operations.drills.open_snapshots import OpenSnapshots
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.drills.sampling import choose_sample
from rebond.operations.selection import Selection
from rebond.stack.drills.asking import Asking
from rebond.stack.drills.bringing_up import WHOLE_BYTES, BringingUp
from rebond.stack.drills.layout import Layout, root_of
from rebond.stack.drills.task import DrillTask
from rebond.stack.places_of_others import list_patterns
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import ComponentSummary, PrivateComponent, SnapshotRecord

if TYPE_CHECKING:  # it is loaded where one is started
    from rebond.stack.drills.application import Application

_SAVES_NOTHING = tuple(name.__name__.lower() for name in (*NOTHING_TO_SAVE, Versioned))
_NEVER_SAMPLED = frozenset({"secrets", "sqlite", "postgres"})  # as files: of large tables some are read
_WHOLE_FILES = 100  # fewer come back whole, also in a sample, unless they are large


class Source(Struct, frozen=True, kw_only=True):
    """A snapshot of which something is restored, and the components that are taken from it."""

    vault: Vault
    record: SnapshotRecord
    components: tuple[str, ...]


class DrillPlanner:
    """Makes the plan of one drill. ``needed_bytes`` is the room that it takes; ``snapshots`` are to be closed."""

    def __init__(self, task: DrillTask) -> None:
        self._task = task
        self._layout = Layout(folder=task.place.stack, stack_root=root_of(task.loaded))
        self._bringing_up = BringingUp(task)
        self._parts: list[DrillPart] = []
        self._single_files: set[str] = set()
        self._checks: list[Check] = []
        self._places: dict[str, Path] = {}
        self._tree_bytes = 0
        self.snapshots = OpenSnapshots()

    @property
    def needed_bytes(self) -> int:
        """How much room the trees and the servers take, about."""
        return self._tree_bytes + self._bringing_up.needed_bytes

    @property
    def root(self) -> Path:
        """What stands for the stack's root."""
        return self._layout.root

    def files_of(self, kind: str) -> dict[str, tuple[Path, list[Path]]]:
        """Return where the trees of the components of a kind were put, and the files of each that the snapshot holds.

        Where several lie below one root, others' files lie there too.
        """
        found: dict[str, tuple[Path, list[Path]]] = {}
        for part in self._parts:
            if part.kind == kind:
                with SnapshotReader(part.vault, part.record) as reader:
                    top = root_of_tree(next(each for each in reader.components if each.name == part.name))
                    names = [os.fsdecode(each.path) for each in walk(reader, top) if not each.directory]
                found[part.name] = part.target, [part.target / each for each in names]
        return found

    def plan(self, sources: Sequence[Source]) -> DrillPlan:
        """Return what is to be done. Raises ``VaultDamaged`` for a snapshot that cannot be opened at all."""
        self._layout.root.mkdir(mode=0o700, exist_ok=True)
        for source in sources:
            reader = self.snapshots.open(source.vault, source.record)
            stored = {each.name: each for each in reader.components}
            for name in source.components:
                self._add(source, reader, stored[name])
        self._parts = sorted(map(self._leave_to_others, self._parts), key=self._urgency)
        questions, application = self._ask()
        ends_first: tuple[Stage, ...] = (application,) if application is not None else ()
        return DrillPlan(
            parts=tuple(self._parts),
            stages=(*ends_first, *self._bringing_up.stages),  # before the servers that it works with
            questions=questions,
            checks=tuple(self._checks),
            is_sample=self._task.is_sample,
            snapshots=self.snapshots,
        )

    def _ask(self) -> "tuple[tuple[Question, ...], Application | None]":
        """Return what the whole is asked, and what is started for that."""
        asking = Asking(task=self._task, layout=self._layout, standing=self._bringing_up.standing, places=self._places)
        references: list[Question] = []
        if not self._task.asks_only_user:
            whole = {each.name for each in self._parts if each.selection.wants_everything}
            references, answers = asking.ask_references(whole)
            self._checks += answers
        if self._task.is_part:  # of a stack that is not whole nothing can be started, nor what its user asks answered
            return tuple(references), None
        application = asking.find_application()
        return (*references, *asking.ask_user(application)), application

    def _add(self, source: Source, reader: SnapshotReader, stored: PrivateComponent) -> None:
        """Add one component to the plan."""
        summary = next(each for each in source.record.catalog.components if each.name == stored.name)
        if summary.kind in _SAVES_NOTHING:
            return
        if not summary.complete:
            self._checks.append(_say_incomplete(stored.name))
            return
        target = self._places[stored.name] = self._make_place(reader, stored)
        selection, size = self._select(reader, stored, summary)
        self._tree_bytes += size
        part = DrillPart(
            name=stored.name,
            kind=summary.kind,
            vault=source.vault,
            record=source.record,
            target=target,
            size_bytes=summary.bytes,
            selection=selection,
            age_seconds=self._task.ages.get(stored.name, 0.0),
        )
        part = self._bringing_up.plan(part, reader, stored)
        is_asked = selection.wants_everything and not self._task.asks_only_user
        self._parts.append(part if is_asked else replace(part, questions=()))

    def _make_place(self, reader: SnapshotReader, stored: PrivateComponent) -> Path:
        component = self._task.find_component(stored.name)
        is_file = isinstance(component, Files) and not os.path.isdir(stored.root)  # where it still lives, that is known
        is_file = is_file and holds_single_file(reader, stored, os.path.basename(os.path.normpath(stored.root)))
        if is_file:
            self._single_files.add(stored.name)
        target = self._layout.place(stored, component, is_file=is_file)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        return target

    def _select(
        self, reader: SnapshotReader, stored: PrivateComponent, summary: ComponentSummary
    ) -> tuple[Selection, int]:
        """Return what is restored of a component, and about how many bytes that is."""
        if stored.name in self._task.selections:
            return self._task.selections[stored.name], summary.bytes
        is_large = summary.files > _WHOLE_FILES or summary.bytes > WHOLE_BYTES
        if self._task.is_sample and is_large and summary.kind not in _NEVER_SAMPLED:
            return choose_sample(reader, stored)
        return Selection(), summary.bytes

    def _leave_to_others(self, part: DrillPart) -> DrillPart:
        """Return a part without what other parts bring to the same place: a restore in place does it likewise.

        A single file is nobody else's, though the paths of another part may take it in: else neither brought it.
        """
        loaded, top = self._task.loaded, self._layout.stack_root
        own = self._task.find_component(part.name)
        if own is None or part.name in self._single_files:
            return part
        if loaded is None or top is None or part.kind != "files" or not part.target.is_relative_to(self._layout.root):
            return part
        root = os.path.normpath(os.fsencode(top / part.target.relative_to(self._layout.root)))
        found: list[str] = []
        for other in map(self._task.find_component, (each.name for each in self._parts if each is not part)):
            if other is not None and other.inside is None and other.volume is None:
                found += list_patterns(other, loaded.root, root, os.path.normpath, own)
        return replace(part, selection=part.selection.leaving(found))

    def _urgency(self, part: DrillPart) -> tuple[int, str, str]:
        """Secrets first, then databases, files last; within that by priority."""
        rank = {"secrets": 0, "postgres": 1, "sqlite": 1, "mysql": 1, "redis": 1}.get(part.kind, 2)
        component = self._task.find_component(part.name)
        return rank, (component.priority if component else None) or "P9", part.name


def _say_incomplete(name: str) -> Check:
    return Check(
        code="restored",
        subject=name,
        answer=Answer.FAIL,
        template="The snapshot does not hold it: the backup could not save it.",
        hint_template="Mend that, make another backup, and drill that.",
    )
