"""Sessions that load a database: over a connection of our own where that can be, else by psql."""

from rebond.sources.postgres.direct_load import DirectSession, open_directly
from rebond.sources.postgres.feeding import LOAD_SETTINGS, LoadSession, ScriptGuard
from rebond.sources.postgres.session import Access


def begin_session(access: Access, database: str, guard: ScriptGuard) -> DirectSession | LoadSession:
    """Begin a session: over a connection of our own where that can be, else by psql. Raises ``RestoreError``."""
    session = open_directly(access.server, database, LOAD_SETTINGS) if access.is_local else None
    return session or LoadSession(access, database, guard)
