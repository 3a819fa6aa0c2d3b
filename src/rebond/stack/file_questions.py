"""The files that the databases of one component name: by queries of the configuration, and found by themselves."""

from collections.abc import Sequence
from contextlib import ExitStack

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.session import Access, HeldSnapshot
from rebond.stack.django_code.file_fields import FieldFinder
from rebond.stack.file_trees import Report
from rebond.stack.named_by_postgres import NamedByPostgres
from rebond.stack.named_files import find_roots


class FileQuestions:
    """Asks them in a moment that is held. ``named_files`` and ``fields`` hold what came of it."""

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        references = component.references
        self._name = name
        self.named_files = NamedByPostgres(name, references, find_roots(loaded, references)) if references else None
        self.fields = FieldFinder(name, component, loaded) if component.file_fields else None

    @property
    def has_any(self) -> bool:
        """Whether there is anything to ask: without files beside the database there is not."""
        return self.named_files is not None or (self.fields is not None and self.fields.has_places)

    def ask(self, snapshots: Sequence[HeldSnapshot], report: Report) -> None:
        """Ask all databases. Raises ``SourceUnfit`` for a query that none of them understands."""
        if self.named_files is not None:
            self.named_files.begin()
            self.named_files.ask_snapshots(snapshots)
        if self.fields is not None:
            self.fields.begin()
            for each in snapshots:
                self.fields.ask_snapshot(each, report)

    def ask_now(self, access: Access, databases: Sequence[str], report: Report) -> None:
        """Ask databases in a moment of its own, which is now. Raises ``SourceError`` where a query is configured."""
        with ExitStack() as held:
            try:
                snapshots = []
                for each in databases:
                    snapshots.append(HeldSnapshot(access, each))
                    held.callback(snapshots[-1].close)
            except SourceError as error:
                if self.named_files is not None:
                    raise
                report(_not_asked(self._name, error))
                return
            self.ask(snapshots, report)


def _not_asked(name: str, error: SourceError) -> Finding:
    return Finding(
        code="file-fields-not-asked",
        severity=Severity.NOTE,
        subject=name,
        template="Which files {component} names could not be asked: {reason}",
        hint_template="GRANT pg_read_all_data TO that user; or write file_fields = false under {component}.",
        values={"component": name, "reason": error.message},
    )
