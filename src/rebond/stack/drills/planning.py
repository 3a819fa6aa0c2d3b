"""What a drill of a snapshot does: what is put where, which servers are made, what is asked."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.clock import Clock
from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Postgres, Sqlite, Versioned
from rebond.config.model import Loaded
from rebond.config.steps import OWN_IF_POSSIBLE, Drilling
from rebond.operations.browsing import root_of as root_of_tree
from rebond.operations.browsing import walk
from rebond.operations.drills.drill import DrillPart, DrillPlan, Question, Stage
from rebond.operations.drills.open_snapshots import OpenSnapshots
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.drills.sampling import choose_sample
from rebond.operations.physical.targets import SET, Target
from rebond.operations.selection import Selection
from rebond.progress import Observer
from rebond.stack.drills.layout import Layout, root_of
from rebond.stack.drills.place import DrillPlace
from rebond.stack.drills.sqlite_questions import RestoredDatabases, make_reference_question, read_named
from rebond.stack.drills.standing import Standing
from rebond.stack.file_places import holds_single_file
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent, SnapshotRecord

if TYPE_CHECKING:  # what only stacks with databases, or with checks of their own, need is loaded for these
    from rebond.stack.drills.application import Application
    from rebond.stack.drills.surroundings import Surroundings

_SAVES_NOTHING = tuple(name.__name__.lower() for name in (*NOTHING_TO_SAVE, Versioned))
_SPARE_OF_DATABASE = 2  # rows take more room as tables with their indexes than as text
_SERVER_BYTES, _MYSQL_BYTES = 60_000_000, 130_000_000
_WHOLE_FILES, _WHOLE_BYTES = 100, 64 << 20  # what is smaller comes back whole, also in a sample


class Source(Struct, frozen=True, kw_only=True):
    """A snapshot of which something is restored, and the components that are taken from it."""

    vault: Vault
    record: SnapshotRecord
    components: tuple[str, ...]


class DrillPlanner(Struct, kw_only=True):
    """Makes the plan of one drill. ``environment`` is our own; little of it reaches what is started.

    ``selections`` choose a part of some components. Where ``is_part`` says that the stack is not whole, the user's
    checks are not asked and no application is started.
    With ``asks_only_user`` nothing else is asked. ``is_sample`` chooses a part of whatever is large by chance, and asks
    no command, which would want the whole. ``target`` is the moment that data directories are brought to,
    ``targets`` that of some of them.
    """

    loaded: Loaded | None
    place: DrillPlace
    environment: Mapping[str, str]
    clock: Clock
    observer: Observer
    ages: Mapping[str, float] = field(default_factory=dict)
    _parts: list[DrillPart] = field(default_factory=list)
    _stages: list[Stage] = field(default_factory=list)
    _checks: list[Check] = field(default_factory=list)
    _places: dict[str, Path] = field(default_factory=dict)
    _standing: Standing = field(default_factory=lambda: Standing(loaded=None))
    needed_bytes: int = 0
    snapshots: OpenSnapshots = field(default_factory=OpenSnapshots)
    selections: Mapping[str, Selection] = field(default_factory=dict)
    is_part: bool = False
    asks_only_user: bool = False
    is_sample: bool = False
    target: Target = SET
    targets: Mapping[str, Target] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._standing = Standing(loaded=self.loaded)

    @property
    def root(self) -> Path:
        """What stands for the stack's root."""
        return Layout(folder=self.place.stack).root

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
        layout = Layout(folder=self.place.stack, stack_root=root_of(self.loaded))
        layout.root.mkdir(mode=0o700, exist_ok=True)
        for source in sources:
            reader = self.snapshots.open(source.vault, source.record)
            stored = {each.name: each for each in reader.components}
            for name in source.components:
                self._add(source, reader, stored[name], layout)
        self._parts.sort(key=self._urgency)
        questions = (
            *(() if self.asks_only_user else self._ask_references()),
            *(() if self.is_part else self._ask_of_user(layout)),
        )
        return DrillPlan(
            parts=tuple(self._parts),
            stages=tuple(self._stages),
            questions=questions,
            checks=tuple(self._checks),
            is_sample=self.is_sample,
            snapshots=self.snapshots,
        )

    def _add(self, source: Source, reader: SnapshotReader, stored: PrivateComponent, layout: Layout) -> None:
        """Add one component to the plan."""
        summary = next(each for each in source.record.catalog.components if each.name == stored.name)
        component = self.loaded.configuration.component.get(stored.name) if self.loaded else None
        if summary.kind in _SAVES_NOTHING:
            return
        if not summary.complete:
            self._checks.append(_say_incomplete(stored.name))
            return
        is_file = isinstance(component, Files) and not os.path.isdir(stored.root)  # where it still lives, that is known
        is_file = is_file and holds_single_file(reader, stored, os.path.basename(os.path.normpath(stored.root)))
        target = layout.place(stored, component, is_file=is_file)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._places[stored.name] = target
        selection, size = self._select(reader, stored, summary.kind, summary.files, summary.bytes)
        self.needed_bytes += size
        part = DrillPart(
            name=stored.name,
            kind=summary.kind,
            vault=source.vault,
            record=source.record,
            target=target,
            size_bytes=summary.bytes,
            selection=selection,
            age_seconds=self.ages.get(stored.name, 0.0),
        )
        part = self._finish(part, reader, stored, component)
        if not selection.wants_everything:
            part = replace(part, questions=())
        self._parts.append(replace(part, questions=()) if self.asks_only_user else part)

    def _select(
        self, reader: SnapshotReader, stored: PrivateComponent, kind: str, files: int, size_bytes: int
    ) -> tuple[Selection, int]:
        """Return what is restored of a component, and about how many bytes that is."""
        if stored.name in self.selections:
            return self.selections[stored.name], size_bytes
        is_large = files > _WHOLE_FILES or size_bytes > _WHOLE_BYTES
        if self.is_sample and is_large and kind not in {"secrets", "sqlite", "postgres"}:
            return choose_sample(reader, stored)
        return Selection(), size_bytes

    def _finish(
        self, part: DrillPart, reader: SnapshotReader, stored: PrivateComponent, component: Component | None
    ) -> DrillPart:
        """Add what makes a component stand, and what is asked of its kind."""
        match part.kind:
            case "postgres":
                return self._finish_postgres(part, reader, stored)
            case "sqlite":
                files = self._standing.files[part.name] = RestoredDatabases(part.name, part.target)
                question = Question(code="integrity", subject=part.name, ask=files.check)
                return replace(part, hear=files.hear, questions=(question,))
            case "mysql" | "redis" as kind:
                from rebond.stack.drills.dumps import make_dump_questions  # noqa: PLC0415 - as above

                part = replace(part, questions=make_dump_questions(part.name, kind, part.target, self.environment))
                return self._finish_mysql(part) if kind == "mysql" and part.selection.wants_everything else part
        if isinstance(component, Files) and component.require:
            return replace(part, questions=(self._ask_required(part, component),))
        return part

    def _finish_postgres(self, part: DrillPart, reader: SnapshotReader, stored: PrivateComponent) -> DrillPart:
        from rebond.operations.restore_database import read_saved  # noqa: PLC0415 - as above
        from rebond.sources.postgres_physical.saved_facts import read_saved_facts  # noqa: PLC0415
        from rebond.stack.drills.database_questions import make_database_questions  # noqa: PLC0415
        from rebond.stack.drills.loading import LoadedDatabases  # noqa: PLC0415
        from rebond.stack.drills.sampled_tables import make_table_reading  # noqa: PLC0415
        from rebond.stack.drills.throw_away_server import ThrowAwayServer  # noqa: PLC0415

        if read_saved_facts(dict(stored.facts)) is not None:
            return self._finish_physical(part)
        found = read_saved(reader, stored.name)
        if self.is_sample and part.size_bytes > _WHOLE_BYTES:
            load = make_table_reading(part.vault, part.record, part.name)
            return replace(part, load=load, fetches=False)
        self.needed_bytes += _SERVER_BYTES + (_SPARE_OF_DATABASE - 1) * part.size_bytes
        stage = ThrowAwayServer(
            self.place.server_folder(f"{len(self._stages)}"),
            major=max((each.manifest.major for each in found), default=0),
            component=part.name,
            environment=self.environment,
            clock=self.clock,
            mark=self.place.mark,
        )
        databases = LoadedDatabases(stage, part.vault, part.record, found, self.observer)
        self._stages.append(stage)
        self._standing.servers[part.name] = databases
        return replace(
            part, load=databases.load, fetches=False, questions=make_database_questions(databases, part.name)
        )

    def _finish_mysql(self, part: DrillPart) -> DrillPart:
        """Add the server that dumps are loaded into."""
        from rebond.stack.drills.mysql_loading import LoadedDumps  # noqa: PLC0415 - as above

        self.needed_bytes += _MYSQL_BYTES + _SPARE_OF_DATABASE * part.size_bytes
        dumps = LoadedDumps(
            self.place.server_folder(f"{len(self._stages)}"),
            part.target,
            part.name,
            environment=self.environment,
            clock=self.clock,
            mark=self.place.mark,
        )
        self._stages.append(dumps)
        self._standing.servers[part.name] = dumps
        return replace(part, load=dumps.load, questions=(*part.questions, *dumps.list_questions()))

    def _finish_physical(self, part: DrillPart) -> DrillPart:
        """Add the server that a data directory is started as."""
        from rebond.stack.drills.physical import RecoveredDatabases  # noqa: PLC0415 - as above

        databases = RecoveredDatabases(
            self.place.server_folder(f"{len(self._stages)}"),
            part.vault,
            part.record,
            part.name,
            environment=self.environment,
            observer=self.observer,
            mark=self.place.mark,
            target=self.targets.get(part.name, self.target),
        )
        self._stages.append(databases)
        self._standing.servers[part.name] = databases
        return replace(part, load=databases.load, fetches=False, questions=databases.list_questions())

    def _urgency(self, part: DrillPart) -> tuple[int, str, str]:
        """Secrets first, then databases, files last; within that by priority."""
        rank = {"secrets": 0, "postgres": 1, "sqlite": 1, "mysql": 1, "redis": 1}.get(part.kind, 2)
        component = self.loaded.configuration.component.get(part.name) if self.loaded else None
        return rank, (component.priority if component else None) or "P9", part.name

    # -- questions -------------------------------------------------------------------------------

    def _ask_required(self, part: DrillPart, component: Files) -> Question:
        root = self.place.stack / "root"
        base = part.target if component.path else root

        def ask() -> Iterator[Check]:
            missing = [each.path for each in component.require if not os.path.lexists(base / each.path)]
            yield Check(
                code="required",
                subject=part.name,
                answer=Answer.FAIL if missing else Answer.PASS,
                template="{paths} did not come back, and the configuration requires it."
                if missing
                else "All {count} required paths are there.",
                hint_template="See 'rebond explain PATH'." if missing else "",
                values={"paths": ", ".join(missing), "count": len(component.require)},
            )

        return Question(code="required", subject=part.name, ask=ask)

    def _ask_references(self) -> Iterator[Question]:
        """Ask whether the files that rows name came back: not where a part of them was restored, or another moment."""
        whole = {each.name for each in self._parts if each.selection.wants_everything}
        for name in (*self._standing.files, *self._standing.servers):
            component = self.loaded.configuration.component.get(name) if self.loaded else None
            for reference in component.references if isinstance(component, Sqlite | Postgres) else ():
                if reference.component not in self._places:
                    self._checks.append(_say_no_files(name, reference.component))
                elif reference.component in whole and self.targets.get(name, self.target) == SET:
                    rows = partial(self._read_named, name, reference.sql)
                    yield make_reference_question(name, reference, self._places[reference.component], rows)

    def _read_named(self, name: str, sql: str) -> Iterator[bytes]:
        """Yield the paths that a query of a component gives. Raises ``CommandFailed``, ``SourceUnfit``."""
        if name in self._standing.files:
            for path in self._standing.files[name].files():
                yield from read_named(path, sql)
        else:
            from rebond.stack.drills.user_checks import read_lines  # noqa: PLC0415 - as above

            yield from read_lines(*self._standing.find_server(name, ""), sql)

    def _ask_of_user(self, layout: Layout) -> Iterator[Question]:
        drilling = self.loaded.configuration.drill if self.loaded else None
        if drilling is None or self.loaded is None:
            return
        application = self._find_application(layout, drilling)
        if not drilling.checks and application is None:
            return
        from rebond.stack.drills.surroundings import tell_open_network  # noqa: PLC0415 - as above
        from rebond.stack.drills.user_checks import Asked, make_user_question  # noqa: PLC0415
        from rebond.stack.whereabouts import words_of  # noqa: PLC0415

        if self._runs_commands(drilling, application) and drilling.network != OWN_IF_POSSIBLE:
            yield Question(code="network", subject="network", ask=partial(tell_open_network, self.environment))
        asked = Asked(
            find_server=self._standing.find_server,
            find_files=self._standing.find_files,
            find_surroundings=lambda: self._find_surroundings(layout, application),
            find_application=lambda: application,
            has_sqlite=bool(self._standing.files),
            has_servers=bool(self._standing.servers),
        )
        # Queries ask what came back, before an application works with it; everything else may ask the application.
        for wanted in sorted(drilling.checks, key=lambda each: each.sql is None):
            if self.is_sample and (wanted.sql is None or not (self._standing.servers or self._standing.files)):
                continue
            if wanted.sql is None and application is not None and not application.is_planned:
                yield application.plan()
            find_name = partial(words_of, wanted.database, self.loaded)
            yield make_user_question(wanted, asked, find_name, partial(words_of, wanted.url, self.loaded))
        if application is not None and not application.is_planned:
            yield application.plan()

    def _runs_commands(self, drilling: Drilling, application: "Application | None") -> bool:
        """Say whether a proof rests on commands. A search for the last good snapshot compares, and proves nothing."""
        runs_any = application is not None or any(each.run for each in drilling.checks)
        return runs_any and not self.is_sample and not self.asks_only_user

    def _find_application(self, layout: Layout, drilling: Drilling) -> "Application | None":
        """Return what is to be started: the whole of it is wanted, and not where queries alone are asked."""
        asks_queries = self.asks_only_user and all(each.sql is not None for each in drilling.checks)
        if drilling.start is None or self.loaded is None or self.is_sample or asks_queries:
            return None
        from rebond.stack.drills.application import Application, find_ready  # noqa: PLC0415 - few stacks have one

        application = Application(
            drilling.start,
            ready=find_ready(self.loaded, drilling),
            within_seconds=drilling.within,
            find_surroundings=lambda: self._find_surroundings(layout, None),
            clock=self.clock,
        )
        self._stages.insert(0, application)  # it ends before the servers that it works with
        return application

    def _find_surroundings(self, layout: Layout, application: "Application | None") -> "Surroundings":
        from rebond.stack.drills.surroundings import make_surroundings  # noqa: PLC0415 - as above

        env_files = self.loaded.configuration.stack.env if self.loaded else ()
        servers = self._standing.list_servers()
        around = make_surroundings(layout.root, env_files, self.environment, mark=self.place.mark, servers=servers)
        return around if application is None else application.lead_there(around)


def _say_incomplete(name: str) -> Check:
    return Check(
        code="restored",
        subject=name,
        answer=Answer.FAIL,
        template="The snapshot does not hold it: the backup could not save it.",
        hint_template="Mend that, make another backup, and drill that.",
    )


def _say_no_files(name: str, files: str) -> Check:
    return Check(
        code="named-files",
        subject=name,
        answer=Answer.NOT_RUN,
        template="The files of {files}, which it names, are not in this drill.",
        values={"files": files},
    )
