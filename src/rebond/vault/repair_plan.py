"""What is to be mended, as a check found it. Nothing has happened yet."""

from msgspec import Struct

from rebond.identifiers import DomainId
from rebond.vault.marks import Marks
from rebond.vault.pack_table import PackTable
from rebond.vault.segment_sets import SegmentSet


class RepairPlan(Struct, frozen=True, kw_only=True):
    """What repair will look at and write.

    ``unlisted_packs`` are whole and in no list. ``damaged_packs`` are there and not what was written:
    what is good in them is copied, then a mark names them. ``bad_segments`` are bad as they were
    stored, in packs that are whole: a mark names these. ``damaged_lists`` are replaced. ``sound_packs``
    were read and are good: a damage mark that names only these and what is gone is lifted.
    """

    packs: PackTable
    needed: SegmentSet
    marks: Marks
    unlisted_packs: tuple[tuple[bytes, DomainId], ...] = ()
    damaged_packs: tuple[bytes, ...] = ()
    bad_segments: tuple[tuple[bytes, int], ...] = ()
    damaged_lists: tuple[str, ...] = ()
    sound_packs: frozenset[bytes] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.unlisted_packs or self.damaged_packs or self.bad_segments or self.damaged_lists)
