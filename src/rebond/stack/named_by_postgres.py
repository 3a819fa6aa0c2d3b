"""The files that a PostgreSQL database names, asked of the moment that is saved."""

from collections.abc import Sequence

from rebond.config.components import FileReference
from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import clean_words
from rebond.sources.postgres.file_columns import read_lines, unescape
from rebond.sources.postgres.looks import Asked, is_rewritten
from rebond.stack.named_files import NamedFiles

_ELSEWHERE = (" 42P01", " 42703", " 3F000")  # no such table, column or schema: it may be another database's
_NULL = b"\\N"


class NamedByPostgres(NamedFiles):
    """Gathers the paths that the queries of one component give."""

    def ask_snapshots(self, snapshots: Sequence[Asked]) -> None:
        """Ask in the moments that are held, one for each database; not all of them have the tables of a query.

        Raises ``SourceUnfit`` for a query that no database understands.
        """
        for each in self.references:
            errors = [self._ask(snapshot, each, is_alone=len(snapshots) == 1) for snapshot in snapshots]
            if errors and all(errors):
                raise self._refuse(errors[0]) from errors[0]

    def _ask(self, snapshot: Asked, reference: FileReference, *, is_alone: bool) -> SourceError | None:
        """Return why this database has no answer, where another may."""
        reader = snapshot.open_rows(reference.sql.strip().rstrip(";"))
        try:
            for line in read_lines(reader):
                value = line.split(b"\t", 1)[0]
                if value != _NULL:
                    self.add(reference, unescape(value))
            reader.finish()
        except SourceError as error:
            if is_rewritten(error):
                raise
            if is_alone or any(code in error.message for code in _ELSEWHERE):
                return error
            raise self._refuse(error) from error
        finally:
            reader.close()
        return None

    def _refuse(self, error: SourceError | None) -> SourceUnfit:
        return SourceUnfit(
            "The query for the files that {component} names cannot be answered: {reason}.",
            hint="Check 'references' of the component; try the query with psql.",
            component=self.component,
            reason=(clean_words(error) or error.message) if error else "",
        )
