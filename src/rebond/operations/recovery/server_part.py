"""What all parts share that lie in a PostgreSQL server: it is asked, started and waited for, and notes are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.reserve import write_note
from rebond.operations.recovery.server_waiting import (
    FindStarter,
    FindTarget,
    answers,
    find_obstacle,
    show_roles,
    wait_for_server,
)
from rebond.sources.postgres.target import DatabaseTarget, Server, describe_server
from rebond.vault.reading import SnapshotReader


class ServerPart(ABC):
    """A part of ``Part`` and of ``NeedsServer``. The server has to run all the time; who uses it is stopped."""

    kind = "postgres"

    def __init__(
        self,
        name: str,
        find_target: FindTarget,
        *,
        run: str,
        folder: Path,
        source: Source | None,
        jobs: int = 2,
        keeps_owner: bool = True,
        find_starter: FindStarter = lambda: None,
    ) -> None:
        """``find_target`` returns the component's own server, ``find_starter`` what starts it; both when needed."""
        self.name = name
        self._find_target = find_target
        self._run = run
        self._folder = folder
        self._source = source
        self._jobs = jobs
        self._keeps_owner = keeps_owner
        self._find_starter = find_starter

    def rooms(self) -> Sequence[Room]:
        """Nothing is known of the server's disk."""
        return ()

    def reach(self, clock: Clock) -> None:
        """See that the server answers; start it where it does not. Raises ``RestoreError``."""
        wait_for_server(self.name, self._find_target, self._find_starter, clock, roles=self._show_roles())

    @property
    def find_target(self) -> FindTarget:
        """What finds its server."""
        return self._find_target

    def answers(self) -> bool:
        """Say whether the server answers now; nothing is started for that."""
        return answers(self._find_target)

    def foresee(self, find_target: FindTarget | None = None) -> Sequence[RebondError | Finding]:
        """Ask the server whether it takes what comes from this user, into its names; one that is off is not asked.

        Where nothing would start that, it is why nothing comes back.
        """
        assert self._source is not None  # noqa: S101 - only undoing goes without a source
        find_target = find_target or self._find_target
        try:
            if (obstacle := find_obstacle(self.name, find_target, roles=self._show_roles())) is not None:
                return [obstacle] if self._find_starter() is None else []
            with self._source.reading() as reader:
                return self._foresee_at(find_target(), reader)
        except RebondError as error:
            return [error]

    @abstractmethod
    def has_something_there(self) -> bool:
        """Say whether the server holds anything of this run, as far as the notes know."""

    @abstractmethod
    def _finds_own(self, target: DatabaseTarget, server: Server) -> bool:
        """Say whether a server holds what this run has set aside or brought."""

    def holds_at(self, find_target: FindTarget) -> bool:
        """Say whether another server than its own holds what this run has set aside or brought.

        Raises ``RebondError`` where it cannot be asked, and ``RestoreError`` for a standby.
        """
        server, target = describe_server(find_target())
        if server.is_standby:
            raise RestoreError(
                "The server {server} is a standby: nothing can be undone in it.",
                hint="Promote it, or name the primary in the configuration.",
                server=str(target.access.server),
            )
        return self._finds_own(target, server)

    def move_to(self, find_target: FindTarget, find_starter: FindStarter) -> None:
        """Let another server be its own."""
        self._find_target, self._find_starter = find_target, find_starter

    @abstractmethod
    def _foresee_at(self, target: DatabaseTarget, reader: SnapshotReader) -> Sequence[RebondError | Finding]:
        """Ask a server that answers. May raise ``RebondError`` too."""

    def _show_roles(self) -> str:
        if self._source is None:
            return ""
        return show_roles(self.name, self._source.record.snapshot.hex(), self._source.vault.store.location)

    def _write(self, name: str, content: bytes) -> None:
        write_note(self._folder / name, content, component=self.name)
