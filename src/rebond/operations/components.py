"""What is asked of a backup: components to save, each with where its content is of, and how it is judged."""

import enum
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from rebond.entries import Tree
from rebond.findings import Finding
from rebond.operations.named_fields import FoundFields

if TYPE_CHECKING:  # a backup describes its components before it loads what saves them
    from rebond.vault.snapshots import ComponentSummary, StoredRules
    from rebond.vault.walk_progress import TreeTotals

Report = Callable[[Finding], None]
OpenTree = Callable[[Report], Tree]
NamedFiles = Callable[[], Mapping[str, Collection[bytes]]]
FindFields = Callable[[], FoundFields]


class Moment(enum.Enum):
    """Whether the content of a component is of one moment, as that of a database is, and which.

    Files are looked at before the moments of all databases and again after them.
    """

    NONE = "each file is of the moment when it is read"
    WHEN_READ = "one moment, while its tree is read"
    WHEN_OPENED = "one moment, before open_tree returns; the tree may be read later"


class Judged(Struct, frozen=True, kw_only=True):
    """A component as it was saved. ``before`` is what the last comparable snapshot held of it, where one is."""

    totals: "TreeTotals"
    now_ms: int = 0
    before: "ComponentSummary | None" = None
    find_newest_ns: Callable[[], int | None] = lambda: None


Judge = Callable[[Judged, Report], None]


class Receiving(enum.Enum):
    """Whether anybody takes a server's log away: over a slot, over one that is not in use now, or over none."""

    GOES_ON = enum.auto()
    PAUSES = enum.auto()
    NOBODY = enum.auto()


class WalNeed(Struct, frozen=True, kw_only=True):
    """The part of a timeline's log without which a saved data directory cannot be started. Positions are bytes.

    ``ask_receiving`` asks the server of a log that is received, and says ``GOES_ON`` where that is not known.
    """

    system_id: int
    timeline: int
    start_lsn: int
    stop_lsn: int
    segment_bytes: int
    ask_receiving: Callable[[], Receiving] | None = None


class Conclusion(Struct, frozen=True, kw_only=True):
    """What a component says of itself once it was read. It is whole only when ``needs`` are proven to be there."""

    facts: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[WalNeed, ...] = ()
    is_degraded: bool = False


Conclude = Callable[[Report], Conclusion]


class Foreseen(Struct, frozen=True, kw_only=True):
    """What a backup would read of a component. ``None`` is what nobody knows before it is read."""

    files: int | None
    size_bytes: int | None


Foresee = Callable[[], Foreseen]


class ComponentToSave(Struct, frozen=True, kw_only=True):
    """One tree to save. ``open_tree`` begins a walk that reports what it could not read.

    ``judge`` looks at what was saved, before anything is committed; it raises ``SourceError`` when that will not do.
    It is told what the last snapshot of one of ``compared_with``, names of classes, held of this component.
    ``rules`` are what was given to leave something out by, for whoever asks its snapshot later.
    ``is_looked_at_twice`` says that its tree can be walked again, cheaply, after the moment of the databases.
    ``named_files`` is asked when the component is read: for each component, the files in it that this one names, as
    paths in its tree; ``find_fields`` likewise, for columns that were found to name files, and for where those may be.
    ``beside_ms`` is how far apart the two looks are where it had to be asked before and after its moment; else 0.
    ``is_reference`` says that its tree only names the snapshot that holds it. ``conclude`` is asked
    once everything was read. ``foresee`` is asked by whoever only looks, where ``open_tree`` alone lets a server begin
    to send.
    """

    name: str
    root: bytes
    open_tree: OpenTree
    kind: str = "files"
    exclusions: tuple[str, ...] = ()
    rules: "StoredRules | None" = None
    judge: Judge | None = None
    compared_with: tuple[str, ...] = ()
    moment: Moment = Moment.NONE
    is_looked_at_twice: bool = False
    named_files: NamedFiles | None = None
    find_fields: FindFields | None = None
    beside_ms: Callable[[], int] = lambda: 0
    is_reference: bool = False
    conclude: Conclude | None = None
    foresee: Foresee | None = None
