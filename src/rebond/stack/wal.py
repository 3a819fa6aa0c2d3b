"""Components of kind ``postgres`` and their write-ahead log: asking their servers."""

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.operations.components import Receiving
from rebond.sources.postgres.programs import find_programs
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_facts import WalFacts, read_wal_facts
from rebond.sources.postgres_physical.server_facts import ask_server as ask
from rebond.stack.postgres import ConfiguredPostgres

_RECEIVING = """
SELECT CASE WHEN pg_catalog.bool_or(active) THEN 'GOES_ON' WHEN pg_catalog.count(*) > 0 THEN 'PAUSES' ELSE 'NOBODY' END
FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical'"""


def find_access(name: str, component: Postgres, loaded: Loaded) -> tuple[Access, str]:
    """Return how a component's server is reached, and a database that is there. Raises ``SourceError``."""
    configured = ConfiguredPostgres(name, component, loaded)
    server, database = configured.find_server()
    place = configured.find_place()
    programs = find_programs(place.open)
    return Access(server=server, programs=programs[0], open_program=place.open), database or "postgres"


def ask_server(name: str, component: Postgres, loaded: Loaded) -> WalFacts:
    """Ask the server of a component how its log stands. Raises ``SourceError`` and ``ConfigError``."""
    access, database = find_access(name, component, loaded)
    return read_wal_facts(access, database)


def ask_receiving(access: Access, database: str) -> Receiving:
    """Ask whether anybody streams the log of a server now; nobody knows whose a slot is, so any of them counts."""
    try:
        return Receiving[ask(access, database, _RECEIVING).decode()]
    except (SourceError, KeyError):
        return Receiving.GOES_ON
