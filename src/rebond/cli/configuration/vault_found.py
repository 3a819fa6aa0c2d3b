"""The vault that a command works on, and what a configuration says of it."""

from collections.abc import Callable
from datetime import tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from rebond.secret import Secret
from rebond.units import local_zone


def _find_nothing() -> Secret | None:
    return None


class Configured(Struct, frozen=True, kw_only=True):
    """The vault at hand. Without a configuration that speaks of it, all but the address is empty.

    ``place`` is what ``keep`` calls it; ``stack`` whose ``latest`` is meant where nobody says. ``find_key`` returns
    the content of a key file, ``find_passphrase`` a passphrase, each ``None`` where none is named.
    """

    address: str
    place: str = ""
    stack: str = ""
    timezone: str | None = None
    find_key: Callable[[], Secret | None] = _find_nothing
    find_passphrase: Callable[[], Secret | None] = _find_nothing
    has_key: bool = False  # whether the configuration names a key or a passphrase for it
    upload_bytes_per_second: int | None = None
    download_bytes_per_second: int | None = None

    @property
    def zone(self) -> tzinfo:
        """The stack's time zone, else the machine's."""
        return ZoneInfo(self.timezone) if self.timezone else local_zone()
