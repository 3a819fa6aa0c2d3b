"""How a log that is received here is reached: at the server itself, or through a command inside of what it is in."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.private_folders import PrivateFolder
from rebond.sources.channels.joining import Target, find_joiner
from rebond.sources.channels.relay import Relay
from rebond.sources.postgres.programs import Programs, find_programs
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_stream import ask_where, require_receiver
from rebond.sources.streams.readers import OWN_SECRETS
from rebond.stack.postgres import ConfiguredPostgres
from rebond.stack.whereabouts import Place

_PORT = 5432  # of the name of our own socket; no port is taken
# What a connection says of the way that it goes: ours goes another one. Nothing is encrypted on a Unix socket.
_OF_THE_WAY = ("host", "hostaddr", "require", "ssl", "gss", "channel_binding", "target_session", "load_balance")


class StreamWay:
    """How the receiver of a component's log, a program on this machine, comes to its server.

    Where the server is in a container, a relay listens in a private folder and joins whoever connects to the server's
    own socket, by a command inside.
    """

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        self._configured = ConfiguredPostgres(name, component, loaded)
        self._loaded = loaded
        self._is_inside = is_inside(component)
        self._folder: PrivateFolder | None = None
        self._relay: Relay | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What the receiver is started with: nothing here says of a server inside where it is, or who we are there."""
        return {
            name: text
            for name, text in self._loaded.variables.items()
            if name not in OWN_SECRETS and not (self._is_inside and name.startswith("PG"))
        }

    def begin(self, access: Access, database: str, server_major: int) -> Access:
        """Return how the receiver reaches the server that ``access`` asks, whose version is ``server_major``.

        Raises ``SourceError``, also where the receiver's program is missing or too old.
        """
        programs = self.find_receiver(access, server_major)
        if not self._is_inside:
            return access
        place, target, user, way = self._find_way(access, database)
        self.end()
        folder = self._find_folder()
        self._relay = Relay(folder / f".s.PGSQL.{_PORT}", lambda: place.join(way, target))
        options = {name: text for name, text in access.server.options.items() if not name.startswith(_OF_THE_WAY)}
        server = replace(access.server, host=str(folder), port=_PORT, user=user, options=options)
        return Access(server=server, programs=programs, open_program=Place(loaded=self._loaded).open)

    def find_receiver(self, access: Access, server_major: int) -> Programs:
        """Return the programs that receive: the newest of this machine. Raises ``SourceUnfit``."""
        programs = access.programs if not self._is_inside else _find_own(self._loaded)
        require_receiver(programs, server_major)
        return programs

    def require_way(self, access: Access, database: str) -> None:
        """Raise ``SourceError`` where nothing leads to the server; nothing is begun."""
        if self._is_inside:
            self._find_way(access, database)

    def _find_way(self, access: Access, database: str) -> tuple[Place, Target, str, str]:
        """Return where, to what, and as whom; and how the image joins a command to it."""
        place = self._configured.find_place()
        target, user = _find_target(access, database)
        return place, target, user, find_joiner(place.ask, target, str(place))

    def explain(self) -> str:
        """Return what is known of why the last stream ended, besides what the receiver says; empty for nothing."""
        return self._relay.trouble if self._relay is not None else ""

    def end(self) -> None:
        """End what leads inside, with what it started there; ``begin`` begins anew."""
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def close(self) -> None:
        """End all, and remove what was made; may be called twice."""
        self.end()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _find_folder(self) -> Path:
        """Return our private folder; one of the same name each time, so that what is said of it stays the same."""
        if self._folder is None or not self._folder.path.is_dir():
            self._folder = PrivateFolder("wal")
        return self._folder.path


def is_inside(component: Postgres) -> bool:
    """Say whether the server of a component is reached by commands inside of something."""
    return component.inside is not None or component.volume is not None


def _find_own(loaded: Loaded) -> Programs:
    try:
        return find_programs(Place(loaded=loaded).open)[0]
    except SourceUnfit:  # there are none: then the one that receives is missing, too, and that is said
        return Programs(major=0, psql="psql", pg_dump="pg_dump", pg_dumpall="pg_dumpall")


def _find_target(access: Access, database: str) -> tuple[Target, str]:
    """Return where the server answers inside, as its own ``psql`` finds it, and as whom."""
    host, port, user = ask_where(access, database)
    if host.startswith("/"):
        return Target(path=f"{host}/.s.PGSQL.{port}", port=port), user
    return Target(host=host if host and not host.startswith("@") else "127.0.0.1", port=port), user
