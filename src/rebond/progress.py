"""Who listens while an operation runs: bars, logs, history. Operations print nothing."""

from typing import Protocol

from msgspec import Struct

from rebond.findings import Finding


class Advance(Struct, frozen=True, kw_only=True):
    """How far an operation has come. Totals are ``None`` while they are unknown."""

    phase: str
    subject: str = ""
    files: int = 0
    total_files: int | None = None
    bytes: int = 0
    total_bytes: int | None = None
    stored_bytes: int = 0


class Observer(Protocol):
    """Hears what happens, from the thread that runs the operation."""

    def advanced(self, advance: Advance) -> None:
        """Take note of how far it has come; called at most some ten times a second."""
        ...

    def noticed(self, finding: Finding) -> None:
        """Take note of something that did not stop the work."""
        ...


class Silence:
    """An observer that does nothing."""

    def advanced(self, advance: Advance) -> None:
        """Do nothing."""

    def noticed(self, finding: Finding) -> None:
        """Do nothing."""
