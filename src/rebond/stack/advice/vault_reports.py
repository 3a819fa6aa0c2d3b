"""What the checks of vaults come to, for the checks that follow."""

from dataclasses import dataclass
from pathlib import Path

from rebond.stack.advice.observing import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultReport:
    """``directory`` is that of the main vault where it is on this machine. Amounts are ``None`` before a snapshot."""

    observations: tuple[Observation, ...] = ()
    directory: Path | None = None
    expected_new_bytes: int | None = None
    restored_bytes: int | None = None
