"""Who is told what a command does, so that it can be written down: the shape of ``recording``, which loads more."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from rebond.progress import Observer

if TYPE_CHECKING:
    from rebond.config.model import Loaded
    from rebond.vault.access import Vault


class Watcher(Observer, Protocol):
    """An observer that is told when the operation is over, however it ended."""

    def close(self) -> None:
        """Leave the terminal as it should be."""
        ...


class Witness(Protocol):
    """Hears of one run; none of its methods raises. ``closing`` is closed after the run was written down."""

    closing: ExitStack

    @property
    def run(self) -> str:
        """The id of the run."""
        ...

    def meet_kind(self, kind: str) -> None:
        """Hear, before the run begins, that it is of another kind than its command usually is."""
        ...

    def listen(self, watcher: Watcher) -> Watcher:
        """Return a watcher that tells both."""
        ...

    def meet_configuration(self, loaded: "Loaded") -> None:
        """Hear which configuration is used."""
        ...

    def meet_vault(self, vault: "Vault", location: str) -> None:
        """Hear which vault was opened; ``location`` is safe to print."""
        ...

    def meet_snapshot(self, snapshot: str) -> None:
        """Hear of a snapshot, by its id in hexadecimal, that stands now."""
        ...

    def meet_facts(self, **facts: object) -> None:
        """Hear facts for the ledger, such as what each step of a restore took."""
        ...

    def hear_answer(self, document: object) -> None:
        """Hear what the command answers."""
        ...
