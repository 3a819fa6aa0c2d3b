"""The databases that stand in a drill, and how checks, commands and the application find them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from rebond.config.components import Mysql, Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.stack.drills.sqlite_questions import RestoredDatabases

if TYPE_CHECKING:  # what only stacks with servers need is loaded for these
    from rebond.sources.postgres.own_server import OwnServer
    from rebond.sources.servers.own_mysql import OwnMysqlServer
    from rebond.stack.drills.drilled_servers import DrilledServer
    from rebond.stack.drills.loading import LoadedDatabases
    from rebond.stack.drills.mysql_loading import LoadedDumps
    from rebond.stack.drills.physical import RecoveredDatabases

_OF_EVERY_SERVER = "postgres"


class Standing(Struct, kw_only=True):
    """Databases by component: those of ``servers``, which may not have come up, and those that are ``files``."""

    loaded: Loaded | None
    servers: "dict[str, LoadedDatabases | RecoveredDatabases | LoadedDumps]" = field(default_factory=dict)
    files: dict[str, RestoredDatabases] = field(default_factory=dict)

    def find_server(self, component: str, database: str) -> "tuple[OwnServer | OwnMysqlServer, str]":
        """Return the server of a component and a database in it; empty names ask for the first. Or ``SourceUnfit``."""
        fitting = [(name, each) for name, each in self.servers.items() if not component or name == component]
        for owner, each in fitting:
            for name in self._own_first(owner, each.standing):
                if not database or name == database:
                    return each.server, name
        raise _say_not_loaded(database or component)

    def find_files(self, component: str) -> Sequence[Path]:
        """Return the SQLite databases of a component; an empty name asks for the first. Raises ``SourceUnfit``."""
        for name, each in self.files.items():
            if (not component or name == component) and each.files():
                return each.files()
        raise _say_not_loaded(component)

    def list_servers(self) -> "list[DrilledServer]":
        """Return the servers that came up, each with the database that its component is about."""
        from rebond.stack.drills.drilled_servers import make_drilled  # noqa: PLC0415 - as above

        return [
            make_drilled(each.server, self._own_first(owner, each.standing)[0])
            for owner, each in self.servers.items()
            if each.standing
        ]

    def _own_first(self, owner: str, standing: Iterable[str]) -> list[str]:
        """Return the databases of a component: what it is about before those that every server has."""
        from rebond.stack.whereabouts import words_of  # noqa: PLC0415 - as above

        component = self.loaded.configuration.component.get(owner) if self.loaded else None
        named = component.database if isinstance(component, Postgres | Mysql) else None
        own = words_of(named, self.loaded) if named is not None and self.loaded is not None else ""
        return sorted(standing, key=lambda each: (each != own, each == _OF_EVERY_SERVER))


def _say_not_loaded(name: str) -> SourceUnfit:
    return SourceUnfit(
        "No database that was loaded is called {name}, so the query was not asked.",
        hint="See why it was not loaded, above; or check 'component' and 'database' of the check.",
        name=name or "–",
    )
