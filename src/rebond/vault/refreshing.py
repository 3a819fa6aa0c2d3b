"""Which sparse segments a backup leaves behind (§9.6), so that years of churn do not pile up.

A snapshot that is spread over too many segments stores the few bytes it still uses of the
emptiest ones again; the keeper can then delete those. Measured over two simulated years this
holds the stored bytes at 1.4 to 1.8 times the ideal, where leaving them costs 2 to 5 times.
"""

from collections.abc import Mapping

from rebond.vault.references import References
from rebond.vault.segment_directory import SegmentDirectory

SPREAD_LIMIT = 1.5  # times the least number of segments that could hold the snapshot
SPREAD_ALLOWANCE = 16  # segments on top, for each component, because none is shared between two
SPARSE_SHARE = 0.25  # of the target size: a segment used for less is sparse
REWRITE_SHARE = 0.05  # of the snapshot's bytes: the most that one run stores again


def choose_sparse(
    parent: References, segments: SegmentDirectory, parent_bytes: int, target_bytes: int, components: int = 1
) -> frozenset[int]:
    """Return the places that this run should no longer refer to; none while the spread is small."""
    if len(parent) <= SPREAD_LIMIT * (parent_bytes / target_bytes) + SPREAD_ALLOWANCE * components:
        return frozenset()
    used = sorted(
        (used_bytes, place)
        for place, used_bytes in _used_bytes(parent, segments).items()
        if used_bytes < SPARSE_SHARE * target_bytes
    )
    budget = REWRITE_SHARE * parent_bytes
    chosen = []
    for used_bytes, place in used:
        if budget < used_bytes:
            break
        budget -= used_bytes
        chosen.append(place)
    return frozenset(chosen)


def _used_bytes(parent: References, segments: SegmentDirectory) -> Mapping[int, int]:
    """Return the most that is used of each place: shares are stored in 255ths, rounded down."""
    used = {}
    for (session, number), share in zip(parent, parent.fill, strict=False):
        known = segments.known_number(session)
        if known is not None:
            place = known << 24 | number
            used[place] = segments.raw_length(place) * min(255, share + 1) // 255
    return used
