"""What a plan asks of a component that comes back, whatever its kind."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import RebondError
from rebond.findings import Finding
from rebond.operations.recovery.last_reader import LastReader
from rebond.operations.recovery.own_touches import Touches
from rebond.progress import Observer
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


class Source(Struct, frozen=True, kw_only=True):
    """Where the content of a component comes from. ``readers`` keeps the snapshot open from one step to the next."""

    vault: Vault
    record: SnapshotRecord
    readers: LastReader | None = None

    def reading(self) -> AbstractContextManager[SnapshotReader]:
        """Open the snapshot, or take the one that is open. Raises what opening it does."""
        if self.readers is None:
            return SnapshotReader(self.vault, self.record)
        return self.readers.reading(self.vault, self.record)


class Room(Struct, frozen=True, kw_only=True):
    """How many bytes will be written below ``path``, which need not be there yet."""

    path: bytes
    needed_bytes: int


class Part(Protocol):
    """One component on its way back into its place.

    Each method may be called again after a crash at any moment, by another process: it goes on, or has nothing left
    to do. What has to be remembered for that lies on the disk before it is needed. ``take_back``, ``discard`` and
    ``accept`` need no vault and no key. All raise ``RebondError``.
    """

    @property
    def name(self) -> str:
        """The component's name."""
        ...

    @property
    def kind(self) -> str:
        """What it is."""
        ...

    def rooms(self) -> Sequence[Room]:
        """Say what ``fetch`` needs on the disks of this machine; nothing where that is not known."""
        ...

    def fetch(self, observer: Observer) -> None:
        """Bring the new version beside the live one, which is used and is not touched."""
        ...

    def set_aside(self) -> None:
        """Move the live version aside; nothing uses it now."""
        ...

    def put(self) -> None:
        """Move the new version into its place. Where nothing lay, ``set_aside`` is not called before."""
        ...

    def take_back(self) -> None:
        """Undo ``put`` and ``set_aside`` as far as they came. What was written since is kept."""
        ...

    def discard(self) -> None:
        """Remove what ``fetch`` brought and nobody needs."""
        ...

    def accept(self) -> None:
        """Delete the old version: from here on nothing can be undone."""
        ...

    def describe_aside(self) -> str:
        """Say where the old version lies; empty where there was none."""
        ...

    def was_written_since(self, since_ns: int, own: Touches) -> bool:
        """Say whether somebody wrote to the new version after a moment; ``False`` where that cannot be known.

        What the run itself touched since is its ``own``.
        """
        ...


@runtime_checkable
class NeedsServer(Protocol):
    """A part that lies in a server, which has to run while the part is fetched, put and taken back."""

    def reach(self, clock: Clock) -> None:
        """See that the server answers; start it where it does not. Raises ``RestoreError``."""
        ...

    def answers(self) -> bool:
        """Say whether the server answers now; nothing is started for that."""
        ...

    def has_something_there(self) -> bool:
        """Say whether the server holds anything of this run."""
        ...

    def describe_left(self) -> str:
        """Say by name, without asking the server, what it may hold of this run."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """A part that can ask before whether it will come back."""

    def foresee(self) -> Sequence[RebondError | Finding]:
        """Return why it cannot come back, or may not, as far as can be asked now; nothing is started or changed."""
        ...


@runtime_checkable
class Brings(Protocol):
    """A part that knows whether anything of it was fetched."""

    def has_brought(self) -> bool:
        """Say whether anything of it was fetched, be it half."""
        ...


@runtime_checkable
class KeepsNewer(Protocol):
    """A part that can keep what was written to the new version when that is taken back."""

    def keep_new(self) -> None:
        """Keep the new version, which was taken back."""
        ...

    def find_newer(self) -> str:
        """Say where lies what was written since; empty when nothing was."""
        ...


@runtime_checkable
class SeesLateWrites(Protocol):
    """A part that knows, when it was taken back, whether somebody wrote until that very moment.

    Whoever was asked before may not have known: a session tells its server of its rows some seconds later.
    """

    def was_written_late(self) -> bool:
        """Say whether anything was written to the new version, which was taken back and is still there."""
        ...
