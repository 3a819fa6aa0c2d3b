"""What a drill asks of the whole, once its parts stand: whether they fit together, and the user's own checks."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rebond.config.components import Postgres, Sqlite
from rebond.config.steps import OWN_IF_POSSIBLE, Drilling
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.physical.targets import SET
from rebond.stack.drills.layout import Layout
from rebond.stack.drills.sqlite_questions import make_reference_question, read_named
from rebond.stack.drills.standing import Standing
from rebond.stack.drills.task import DrillTask

if TYPE_CHECKING:  # what only stacks with checks of their own need is loaded for these
    from rebond.stack.drills.application import Application
    from rebond.stack.drills.surroundings import Surroundings


class Asking(Struct, frozen=True, kw_only=True):
    """Makes the questions about the whole of one drill; ``places`` say where the tree of each component was put."""

    task: DrillTask
    layout: Layout
    standing: Standing
    places: Mapping[str, Path]

    def ask_references(self, whole: Collection[str]) -> tuple[list[Question], list[Check]]:
        """Ask whether the files that rows name came back: not where a part of them was restored, or another moment.

        ``whole`` are the components that are restored as a whole. Where files are not there to be asked for, the
        answer is known: the second list.
        """
        questions, answers = [], []
        for name in (*self.standing.files, *self.standing.servers):
            component = self.task.find_component(name)
            for reference in component.references if isinstance(component, Sqlite | Postgres) else ():
                if reference.component not in self.places:
                    answers.append(_say_no_files(name, reference.component))
                elif reference.component in whole and self.task.find_target(name) == SET:
                    rows = partial(self._read_named, name, reference.sql)
                    place = self.places[reference.component]
                    questions.append(make_reference_question(name, reference, place, rows))
        return questions, answers

    def _read_named(self, name: str, sql: str) -> Iterator[bytes]:
        """Yield the paths that a query of a component gives. Raises ``CommandFailed``, ``SourceUnfit``."""
        if name in self.standing.files:
            for path in self.standing.files[name].files():
                yield from read_named(path, sql)
        else:
            from rebond.stack.drills.user_checks import read_lines  # noqa: PLC0415 - as above

            yield from read_lines(*self.standing.find_server(name, ""), sql)

    def find_application(self) -> "Application | None":
        """Return what is to be started: the whole of it is wanted, and not where queries alone are asked."""
        task = self.task
        drilling = task.loaded.configuration.drill if task.loaded else None
        if task.loaded is None or drilling is None or drilling.start is None or task.is_sample:
            return None
        if task.asks_only_user and all(each.sql is not None for each in drilling.checks):
            return None
        from rebond.stack.drills.application import Application, find_ready  # noqa: PLC0415 - as above
        from rebond.stack.drills.ways_out import find_way_out  # noqa: PLC0415

        return Application(
            drilling.start,
            ready=find_ready(task.loaded, drilling),
            within_seconds=drilling.within,
            find_surroundings=lambda: self._find_surroundings(None, trusted=drilling.trusted),
            clock=task.clock,
            way_out="" if drilling.trusted else find_way_out(drilling.start, task.loaded),
        )

    def ask_user(self, application: "Application | None") -> Iterator[Question]:
        """Yield what the user wants asked, in the order in which it is."""
        loaded = self.task.loaded
        drilling = loaded.configuration.drill if loaded else None
        if loaded is None or drilling is None or not (drilling.checks or application):
            return
        from rebond.stack.drills.surroundings import tell_open_network  # noqa: PLC0415 - as above
        from rebond.stack.drills.user_checks import Asked, make_user_question  # noqa: PLC0415
        from rebond.stack.drills.ways_out import find_way_out  # noqa: PLC0415
        from rebond.stack.whereabouts import words_of  # noqa: PLC0415

        if self._runs_commands(drilling, application) and drilling.network != OWN_IF_POSSIBLE:
            ask = partial(tell_open_network, self.task.environment)
            yield Question(code="network", subject="network", ask=ask)
        has_sqlite, has_servers = bool(self.standing.files), bool(self.standing.servers)
        asked = Asked(
            find_server=self.standing.find_server,
            find_files=self.standing.find_files,
            find_surroundings=lambda trusted: self._find_surroundings(application, trusted=trusted),
            find_application=lambda: application,
            find_way_out=lambda run: find_way_out(run, loaded),
            has_sqlite=has_sqlite,
            has_servers=has_servers,
        )
        # Queries ask what came back, before an application works with it; everything else may ask the application.
        for wanted in sorted(drilling.checks, key=lambda each: each.sql is None):
            if self.task.is_sample and (wanted.sql is None or not (has_servers or has_sqlite)):
                continue
            if wanted.sql is None and application is not None and not application.is_planned:
                yield application.plan()
            find_name, find_url = partial(words_of, wanted.database, loaded), partial(words_of, wanted.url, loaded)
            yield make_user_question(wanted, asked, find_name, find_url)
        if application is not None and not application.is_planned:
            yield application.plan()

    def _runs_commands(self, drilling: Drilling, application: "Application | None") -> bool:
        """Say whether a proof rests on commands. A search for the last good snapshot compares, and proves nothing."""
        runs_any = application is not None or any(each.run for each in drilling.checks)
        return runs_any and not self.task.is_sample and not self.task.asks_only_user

    def _find_surroundings(self, application: "Application | None", *, trusted: bool) -> "Surroundings":
        """Return where a command runs; from one that is trusted nothing is hidden."""
        from rebond.stack.drills.live_places import find_live_places  # noqa: PLC0415 - as above
        from rebond.stack.drills.surroundings import make_surroundings  # noqa: PLC0415

        task = self.task
        env_files = task.loaded.configuration.stack.env if task.loaded else ()
        servers, mark = self.standing.list_servers(), task.place.mark
        hidden = [] if trusted else find_live_places(task.loaded, mark, task.environment).to_words()
        around = make_surroundings(
            self.layout.root, env_files, task.environment, mark=mark, servers=servers, hidden=hidden
        )
        return around if application is None else application.lead_there(around)


def _say_no_files(name: str, files: str) -> Check:
    return Check(
        code="named-files",
        subject=name,
        answer=Answer.NOT_RUN,
        template="The files of {files}, which it names, are not in this drill.",
        values={"files": files},
    )
