"""What makes each component stand in a drill: the server that it is loaded into, and what its kind is asked."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from rebond.config.components import Files
from rebond.operations.drills.drill import DrillPart, Question, Stage
from rebond.operations.drills.outcomes import Answer, Check
from rebond.stack.drills.sqlite_questions import RestoredDatabases
from rebond.stack.drills.standing import Standing
from rebond.stack.drills.task import DrillTask
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent

WHOLE_BYTES = 64 << 20  # what is smaller comes back whole, also in a sample
_SPARE_OF_DATABASE = 2  # rows take more room as tables with their indexes than as text
_SERVER_BYTES, _MYSQL_BYTES = 60_000_000, 130_000_000


class BringingUp:
    """Plans how parts of one drill come to stand; gathers the servers for that and the bytes that they need."""

    def __init__(self, task: DrillTask) -> None:
        self._task = task
        self.stages: list[Stage] = []
        self.standing = Standing(loaded=task.loaded)
        self.needed_bytes = 0

    def plan(self, part: DrillPart, reader: SnapshotReader, stored: PrivateComponent) -> DrillPart:
        """Return the part with what makes it stand, and with the questions of its kind."""
        match part.kind:
            case "postgres":
                return self._plan_postgres(part, reader, stored)
            case "sqlite":
                files = self.standing.files[part.name] = RestoredDatabases(part.name, part.target)
                question = Question(code="integrity", subject=part.name, ask=files.check)
                return replace(part, hear=files.hear, questions=(question,))
            case "mysql" | "redis" as kind:
                from rebond.stack.drills.dumps import make_dump_questions  # noqa: PLC0415 - few stacks have one

                questions = make_dump_questions(part.name, kind, part.target, self._task.environment)
                part = replace(part, questions=questions)
                return self._plan_mysql(part) if kind == "mysql" and part.selection.wants_everything else part
        component = self._task.find_component(part.name)
        if isinstance(component, Files) and component.require:
            return replace(part, questions=(_ask_required(part, component, self._task.place.stack / "root"),))
        return part

    def _next_folder(self) -> Path:
        return self._task.place.server_folder(f"{len(self.stages)}")

    def _plan_postgres(self, part: DrillPart, reader: SnapshotReader, stored: PrivateComponent) -> DrillPart:
        from rebond.operations.restore_database import read_saved  # noqa: PLC0415 - as above
        from rebond.sources.postgres_physical.saved_facts import read_saved_facts  # noqa: PLC0415
        from rebond.stack.drills.database_questions import make_database_questions  # noqa: PLC0415
        from rebond.stack.drills.loading import LoadedDatabases  # noqa: PLC0415
        from rebond.stack.drills.sampled_tables import make_table_reading  # noqa: PLC0415
        from rebond.stack.drills.throw_away_server import ThrowAwayServer  # noqa: PLC0415

        if read_saved_facts(dict(stored.facts)) is not None:
            return self._plan_physical(part)
        found = read_saved(reader, stored.name)
        if self._task.is_sample and part.size_bytes > WHOLE_BYTES:
            load = make_table_reading(part.vault, part.record, part.name)
            return replace(part, load=load, fetches=False)
        self.needed_bytes += _SERVER_BYTES + (_SPARE_OF_DATABASE - 1) * part.size_bytes
        stage = ThrowAwayServer(
            self._next_folder(),
            major=max((each.manifest.major for each in found), default=0),
            component=part.name,
            environment=self._task.environment,
            clock=self._task.clock,
            mark=self._task.place.mark,
        )
        databases = LoadedDatabases(stage, part.vault, part.record, found, self._task.observer)
        self.stages.append(stage)
        self.standing.servers[part.name] = databases
        return replace(
            part, load=databases.load, fetches=False, questions=make_database_questions(databases, part.name)
        )

    def _plan_mysql(self, part: DrillPart) -> DrillPart:
        """Add the server that dumps are loaded into."""
        from rebond.stack.drills.mysql_loading import LoadedDumps  # noqa: PLC0415 - as above

        self.needed_bytes += _MYSQL_BYTES + _SPARE_OF_DATABASE * part.size_bytes
        dumps = LoadedDumps(
            self._next_folder(),
            part.target,
            part.name,
            environment=self._task.environment,
            clock=self._task.clock,
            mark=self._task.place.mark,
        )
        self.stages.append(dumps)
        self.standing.servers[part.name] = dumps
        return replace(part, load=dumps.load, questions=(*part.questions, *dumps.list_questions()))

    def _plan_physical(self, part: DrillPart) -> DrillPart:
        """Add the server that a data directory is started as."""
        from rebond.stack.drills.physical import RecoveredDatabases  # noqa: PLC0415 - as above

        databases = RecoveredDatabases(
            self._next_folder(),
            part.vault,
            part.record,
            part.name,
            environment=self._task.environment,
            observer=self._task.observer,
            mark=self._task.place.mark,
            target=self._task.find_target(part.name),
        )
        self.stages.append(databases)
        self.standing.servers[part.name] = databases
        return replace(part, load=databases.load, fetches=False, questions=databases.list_questions())


def _ask_required(part: DrillPart, component: Files, root: Path) -> Question:
    """Ask whether the paths came back that the configuration requires, which are told from the stack's root."""
    base = part.target if component.path else root

    def ask() -> Iterator[Check]:
        missing = [each.path for each in component.require if not os.path.lexists(base / each.path)]
        yield Check(
            code="required",
            subject=part.name,
            answer=Answer.FAIL if missing else Answer.PASS,
            template="{paths} did not come back, and the configuration requires it."
            if missing
            else "Required paths: {count}, all there.",
            hint_template="See 'rebond explain PATH'." if missing else "",
            values={"paths": ", ".join(missing), "count": len(component.require)},
        )

    return Question(code="required", subject=part.name, ask=ask)
