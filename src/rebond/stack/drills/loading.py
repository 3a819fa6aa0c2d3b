"""Loading the databases of a component into the server of a drill: the way that a restore goes, to another place."""

from collections.abc import Iterator, Sequence

from rebond.findings import Severity
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.restore_database import DatabaseWish, restore_database
from rebond.progress import Observer
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.postgres.saved import SavedDatabase
from rebond.stack.drills.throw_away_server import ThrowAwayServer, check_extensions
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

_JOBS = 2


class LoadedDatabases:
    """The databases of one component: ``load`` makes them stand, then they can be asked."""

    def __init__(
        self,
        stage: ThrowAwayServer,
        vault: Vault,
        record: SnapshotRecord,
        databases: Sequence[SavedDatabase],
        observer: Observer,
    ) -> None:
        """Of ``databases`` only what was read of them already is used."""
        self._stage = stage
        self._vault = vault
        self._record = record
        self._observer = observer
        self.databases = databases
        self.standing: dict[str, SavedDatabase] = {}

    @property
    def server(self) -> OwnServer:
        """Where they stand. Raises what kept it from being made."""
        return self._stage.server

    def load(self) -> Iterator[Check]:
        """Load every database, and say of each that it stands. Raises ``RestoreError`` when one does not load."""
        server, component = self.server, self._stage.component
        for each in self.databases:
            check_extensions(server, each.name, each.manifest.extensions)
        outcome = restore_database(
            self._vault, self._record, component, server.target(), DatabaseWish(jobs=_JOBS), self._observer
        )
        for finding in outcome.findings:
            if finding.severity is not Severity.NOTE:  # it was loaded in another way than it was saved
                yield Check(
                    code="loaded",
                    subject=component,
                    answer=Answer.NOT_RUN,
                    template=finding.template,
                    hint_template=finding.hint_template,
                    values=finding.values,
                )
        self.standing = {each.name: each for each in self.databases}
        for loaded in outcome.loaded:
            yield Check(
                code="loaded",
                subject=component,
                answer=Answer.PASS,
                template="The database {database} was loaded into PostgreSQL {major} and answers: {tables} tables.",
                values={"database": loaded.name, "major": server.programs.major, "tables": loaded.tables},
            )
