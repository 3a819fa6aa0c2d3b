"""Which segments a backup leaves behind (§9.6), so that years of churn do not pile up.

A segment stays as long as one snapshot needs one chunk of it. So a run stores again the few bytes that
its parent still uses of an otherwise dead segment: the keeper can then delete that one once older snapshots
have gone. Until then there are two copies, which is why a segment that is used well stays, however small
it is. Small ones are joined only where there are so many that reading them would be slow.
"""

from collections.abc import Iterator

from msgspec import Struct

from rebond.vault.references import References
from rebond.vault.segment_directory import SegmentDirectory

SPARSE_SHARE = 0.25  # of a segment's own bytes: one of which less is used is sparse
SPREAD_LIMIT = 8  # times the least number of segments that could hold the snapshot
SPREAD_ALLOWANCE = 64  # segments on top, for each component, because none is shared between two
SMALL_SHARE = 0.25  # of the target size: a segment used for more is not stored again to have one less
REWRITE_SHARE = 0.05  # of the snapshot's bytes: the most that one run stores again of what the parent uses
REACH_SHARE = 0.25  # of the snapshot's bytes: the most that one run stores again if it uses more than the parent did


class _Use(Struct, frozen=True, order=True):
    """The most that the parent uses of a segment: the order is that of what storing it again costs."""

    used_bytes: int
    place: int
    raw_bytes: int

    @property
    def is_sparse(self) -> bool:
        return self.used_bytes < SPARSE_SHARE * self.raw_bytes


def choose_sparse(
    parent: References, segments: SegmentDirectory, parent_bytes: int, target_bytes: int, components: int = 1
) -> frozenset[int]:
    """Return the places that this run should no longer refer to.

    The sparse ones, and where the parent uses too many segments the emptiest of the small ones, until it no
    longer does; in each case those first that cost least.
    """
    small_bytes = SMALL_SHARE * target_bytes
    spread = 0
    uses = []
    for use in _find_uses(parent, segments):
        spread += 1
        if use.is_sparse or use.used_bytes < small_bytes:
            uses.append(use)
    uses.sort()
    choice = _Choice(REWRITE_SHARE * parent_bytes, REACH_SHARE * parent_bytes)
    for use in uses:
        if use.is_sparse:
            choice.add(use)
    limit = SPREAD_LIMIT * (parent_bytes / target_bytes) + SPREAD_ALLOWANCE * components
    for use in uses:
        if spread - len(choice.places) <= limit:
            break
        if use.used_bytes < small_bytes and use.place not in choice.places:
            choice.add(use)
    return frozenset(choice.places)


class _Choice:
    """What is left behind, within what one run may store again, in bytes."""

    def __init__(self, rewrite_bytes: float, reach_bytes: float) -> None:
        self._rewrite_left = rewrite_bytes
        self._reach_left = reach_bytes
        self.places: set[int] = set()

    def add(self, use: _Use) -> None:
        """Take a segment, if it fits; the first one whatever its length, for a small tree has long ones too."""
        fits = use.raw_bytes <= self._reach_left or not self.places
        if fits and use.used_bytes <= self._rewrite_left:
            self._rewrite_left -= use.used_bytes
            self._reach_left -= use.raw_bytes
            self.places.add(use.place)


def _find_uses(parent: References, segments: SegmentDirectory) -> Iterator[_Use]:
    """Yield what the parent uses of each usable segment: shares are stored in 255ths, rounded down."""
    for (session, number), share in zip(parent, parent.fill, strict=False):
        known = segments.known_number(session)
        if known is not None and (raw_bytes := segments.raw_length(known << 24 | number)):
            yield _Use(raw_bytes * min(255, share + 1) // 255, known << 24 | number, raw_bytes)
