"""Since when all that a snapshot needs is known to read back, by this host's log of what it verified."""

from array import array
from collections.abc import Mapping, Sequence

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, VaultDamaged, WrongKey
from rebond.identifiers import ObjectName
from rebond.vault.access import Vault
from rebond.vault.checking_places import open_lists
from rebond.vault.commits import load_references
from rebond.vault.pack_table import PackTable
from rebond.vault.references import References
from rebond.vault.segment_sets import LARGEST_NUMBER
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.verify_log import VerifyLog

ReadTimes = Mapping[bytes, "array[int]"]  # session → segment number → when it was last read whole, 0 for never


def find_verified_moments(vault: Vault, records: Sequence[SnapshotRecord], log: VerifyLog) -> dict[ObjectName, int]:
    """Return, by name of the record, the moment (ms since 1970) of the last reading back that covered it all.

    A snapshot may have been read over many nights: the moment is that of the segment that was read
    longest ago, each at its latest. Left out are snapshots of which something was not read yet, was
    found damaged when it was read last, or lies in a pack that came later. Raises ``StoreError``.
    """
    if not records or log.is_empty():
        return {}
    read = _read_times(vault, log)
    found = {}
    for record in records:
        try:
            moment_ms = _oldest(load_references(vault, record), read)
        except (VaultDamaged, WrongKey, ForeignObject, FormatTooNew, ObjectMissing):
            continue  # nothing is known of it; verify says why
        if moment_ms:
            found[record.name] = moment_ms
    return found


def _read_times(vault: Vault, log: VerifyLog) -> ReadTimes:
    """Return when each segment that a list names was last read whole, in whatever pack."""
    packs = PackTable.from_store(vault.store)
    times = log.last_read(packs, vault.clock.now_ms())
    found: dict[bytes, array[int]] = {}
    for _, index_list in open_lists(vault):
        for pack in index_list.catalog.packs:
            ordinal = packs.find(pack.pack_hash)
            if ordinal is None or not times[ordinal]:
                continue
            for row in pack.rows:
                if row.number < LARGEST_NUMBER:
                    _note(found.setdefault(row.session, array("Q")), row.number, times[ordinal])
    return found


def _note(times: "array[int]", number: int, time_ms: int) -> None:
    if number >= len(times):
        times.frombytes(bytes(times.itemsize * (number + 1 - len(times))))
    times[number] = max(times[number], time_ms)


def _oldest(references: References, read: ReadTimes) -> int:
    """Return the earliest of the times of all needed segments; 0 when one was not read, or nothing is needed."""
    oldest = 0
    for session, number in references:
        times = read.get(session)
        time_ms = times[number] if times is not None and number < len(times) else 0
        if not time_ms:
            return 0
        oldest = min(oldest or time_ms, time_ms)
    return oldest
