"""What a snapshot says of a saved data directory: enough to choose it, to lay it down and to start it."""

import msgspec

from rebond.errors import VaultDamaged
from rebond.sources.postgres_physical.server_facts import ServerFacts

KEY = "physical"
FORMAT = 1


class RestorePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A named place in the log, made for one set."""

    name: str
    lsn: int
    time_ms: int


class PhysicalFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A base backup. Positions are numbers of bytes; ``stop`` is where it becomes consistent, on ``timeline``.

    ``start_timeline`` is another one where the server was promoted meanwhile. ``includes_wal`` says that the log
    from start to stop lies in it.
    """

    format: int = FORMAT
    server: ServerFacts
    start: int
    stop: int
    start_timeline: int
    timeline: int
    stop_time_ms: int
    is_from_standby: bool = False
    includes_wal: bool = False
    restore_point: RestorePoint | None = None
    damaged_pages: int = 0
    way: str = ""

    @property
    def system_id(self) -> int:
        """The number of the cluster."""
        return int(self.server.system_identifier)


def write_facts(facts: PhysicalFacts) -> dict[str, str]:
    """Return them as a snapshot keeps them."""
    return {KEY: msgspec.json.encode(facts).decode()}


def read_saved_facts(kept: dict[str, str]) -> PhysicalFacts | None:
    """Return what a component says of itself; ``None`` for another kind. Raises ``VaultDamaged``."""
    text = kept.get(KEY)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=PhysicalFacts)
    except msgspec.DecodeError as error:
        raise VaultDamaged(
            "What the snapshot says of its data directory cannot be read: {reason}", reason=str(error)
        ) from error
