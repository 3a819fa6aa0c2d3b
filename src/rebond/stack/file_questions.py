"""The files that the databases of one component name: by queries of the configuration, and found by themselves."""

from collections.abc import Sequence

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.failures import clean_words
from rebond.sources.postgres.looks import Asked, is_rewritten
from rebond.stack.django_code.file_fields import FieldFinder
from rebond.stack.file_trees import Report
from rebond.stack.moments import Bracket, Looks
from rebond.stack.named_by_postgres import NamedByPostgres
from rebond.stack.named_files import find_roots


class FileQuestions:
    """Asks them in a moment that is held. ``named_files`` and ``fields`` hold what came of it.

    ``beside_ms`` is how far the looks are apart that were asked, where two had to be. ``is_unanswered`` says that
    a query of the configuration has no answer of the moment.
    """

    beside_ms = 0
    is_unanswered = False

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        references = component.references
        self._name = name
        self.named_files = NamedByPostgres(name, references, find_roots(loaded, references)) if references else None
        self.fields = FieldFinder(name, component, loaded) if component.file_fields else None

    @property
    def has_any(self) -> bool:
        """Whether there is anything to ask: without files beside the database there is not."""
        return self.named_files is not None or (self.fields is not None and self.fields.has_places)

    def ask(self, snapshots: Sequence[Asked], report: Report) -> None:
        """Ask all databases. Raises ``SourceUnfit`` for a query that none of them understands."""
        self.begin()
        self._ask(snapshots, report)

    def begin(self) -> None:
        """Forget what an earlier attempt gathered."""
        self.beside_ms = 0
        self.is_unanswered = False
        if self.named_files is not None:
            self.named_files.begin()
        if self.fields is not None:
            self.fields.begin()

    def ask_around(
        self, bracket: Bracket, databases: Sequence[str], report: Report, *, is_standby: bool = False
    ) -> None:
        """Ask before and after a moment, unless both see the same: what either names counts.

        Raises ``SourceUnfit`` for a query that no database understands.
        """
        self.begin()
        if bracket.before is None:
            report(_asked_much_later(self._name) if is_standby else _asked_late(self._name))
        elif not bracket.is_exact:
            self._ask_look(bracket.before, databases, report)
            self.beside_ms = bracket.apart_ms
        self._ask_look(bracket.after, databases, report)

    def cannot_ask(self, error: SourceError, report: Report) -> None:
        """Tell that they cannot be asked. Raises it where a query is configured."""
        if self.named_files is not None:
            raise error
        report(_not_asked(self._name, error))

    def _ask_look(self, looks: Looks, databases: Sequence[str], report: Report) -> None:
        try:
            self._ask([each for each in looks.all if each.name in databases], report)
        except SourceError as error:
            if not is_rewritten(error):
                raise
            self.is_unanswered = True
            report(_emptied(self._name, clean_words(error)))

    def _ask(self, snapshots: Sequence[Asked], report: Report) -> None:
        if self.named_files is not None:
            self.named_files.ask_snapshots(snapshots)
        if self.fields is not None:
            for each in snapshots:
                self.fields.ask_snapshot(each, report)


def _not_asked(name: str, error: SourceError) -> Finding:
    return Finding(
        code="file-fields-not-asked",
        severity=Severity.NOTE,
        subject=name,
        template="Which files {component} names could not be asked: {reason}",
        hint_template="GRANT pg_read_all_data TO that user; or write file_fields = false under {component}.",
        values={"component": name, "reason": error},
    )


def _asked_late(component: str) -> Finding:
    return Finding(
        code="named-files-asked-late",
        severity=Severity.NOTE,
        subject=component,
        template="Which files {component} names was asked a little after its moment: a row that was deleted just then, "
        "together with its file, is not looked up.",
        hint_template='With wal = "archive-command" or "receive" the moment is one that can be asked.',
        values={"component": component},
    )


def _asked_much_later(component: str) -> Finding:
    return Finding(
        code="named-files-asked-late",
        severity=Severity.NOTE,
        subject=component,
        template="Which files {component} names was asked after its moment: a standby comes back to what it had "
        "written to its disk, and that may be some minutes old. A row that was deleted since, together with its file, "
        "is not looked up.",
        hint_template="'rebond drill' asks what comes back. Or save the primary, whose moment can be asked.",
        values={"component": component},
    )


def _emptied(component: str, words: str) -> Finding:
    return Finding(
        code="named-files-not-asked",
        severity=Severity.WARNING,
        subject=component,
        template="Which files {component} named at its moment is not known: a table was emptied or rewritten before "
        "it was asked: {reason}",
        hint_template="Run the backup again, at another hour if this comes back.",
        values={"component": component, "reason": words},
    )
