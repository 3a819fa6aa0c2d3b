"""What the stored bytes of a vault are: content that its snapshots need, copies of it, and what nothing needs.

    python -m bench.stored_split VAULT        (the passphrase is the benchmark's own)

A chunk's share of its segment is that of its raw bytes. A chunk of which several needed segments hold a copy counts
once as alive, in the segment stored last; its other copies are *second copies*: an older snapshot may refer to them.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.peers import PASSPHRASE
from rebond.identifiers import DomainId
from rebond.operations.browsing import root_of, walk
from rebond.store.opening import open_store
from rebond.vault.access import Vault
from rebond.vault.commits import load_references, read_snapshots
from rebond.vault.index_census import read_whole_list, take_census
from rebond.vault.needs import Needs, add_needs, list_records
from rebond.vault.opening import open_vault
from rebond.vault.packs import SegmentRow, open_table, table_binding
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.reading import SnapshotReader
from rebond.vault.segments import SegmentKind
from rebond.vault.slots import passphrase_secret

Segment = tuple[bytes, int]


class Found:
    """One segment in one pack: its row and the ids in it."""

    __slots__ = ("ids", "kind", "raw", "stored")

    def __init__(self, row: SegmentRow, ids: list[bytes]) -> None:
        self.ids = ids
        self.kind = "trees" if row.kind == SegmentKind.TREE else "data"
        self.raw, self.stored = row.raw_length, row.stored_length


def split_stored(vault: Vault) -> dict[str, int]:
    """Return stored bytes by what they are; the sum is everything below ``packs/`` and ``index/``, and the rest."""
    needs = Needs()
    add_needs(vault, needs, list_records(vault))
    alive = _read_alive(vault)
    split: dict[str, int] = defaultdict(int)
    packed = 0
    counted: set[Segment] = set()
    seen: set[bytes] = set()
    order = _order_sessions(vault)
    for name, found in sorted(_read_segments(vault), key=lambda each: -order.get(each[0][0], 0)):
        packed += found.stored
        if name not in needs.segments:
            split["segments that nothing needs"] += found.stored
        elif name in counted:
            split["segments in two packs"] += found.stored
        else:
            counted.add(name)
            _split_segment(split, found, alive, seen)
    for info in vault.store.list_objects(""):
        split[info.name.split("/")[0] if "/" in info.name else "files"] += info.size
    split["tables, tails and headers of packs"] = split.pop("packs") - packed
    return dict(split)


def _order_sessions(vault: Vault) -> dict[bytes, int]:
    """Return for each session the number of the first snapshot that needs it: later sessions have higher numbers."""
    order: dict[bytes, int] = {}
    for record in sorted(read_snapshots(vault), key=lambda each: each.catalog.sequence):
        for session, _ in load_references(vault, record):
            order.setdefault(session, record.catalog.sequence)
    return order


def _split_segment(split: dict[str, int], found: Found, alive: dict[bytes, int], seen: set[bytes]) -> None:
    live = sum(alive.get(each, 0) for each in found.ids if each not in seen)
    second = sum(alive.get(each, 0) for each in found.ids if each in seen)
    seen.update(each for each in found.ids if each in alive)
    for what, raw in (("alive", live), ("second copies", second), ("dead beside", found.raw - live - second)):
        split[f"{found.kind}, {what}"] += found.stored * raw // max(1, found.raw)


def _read_alive(vault: Vault) -> dict[bytes, int]:
    """Return the chunks and tree objects of all snapshots, with their lengths."""
    alive: dict[bytes, int] = {}
    for record in read_snapshots(vault):
        with SnapshotReader(vault, record) as reader:
            _note_objects(reader, alive)
            reader.expect_many_finds()
            for component in reader.components:
                for found in walk(reader, root_of(component)):
                    if found.entry is not None and found.entry.size and not found.directory:
                        alive.update(reader.chunk_rows(found.entry))
    return alive


def _note_objects(reader: SnapshotReader, alive: dict[bytes, int]) -> None:
    """Have a reader note the tree objects that it reads."""
    read_object = reader.read_object

    def read_and_note(object_id: bytes) -> bytes:
        content = read_object(object_id)
        alive[object_id] = len(content)
        return content

    reader.read_object = read_and_note  # type: ignore[method-assign]


def _read_segments(vault: Vault) -> Iterator[tuple[Segment, Found]]:
    census = take_census(vault)
    told: set[tuple[bytes, Segment]] = set()
    for census_list in census.lists:
        keys = vault.credentials.domain_keys(DomainId(census_list.domain))
        index_list = read_whole_list(vault, census_list)
        for pack in index_list.catalog.packs:
            for row in pack.rows:
                name = (row.session, row.number)
                if census.table.find(pack.pack_hash) is None or (pack.pack_hash, name) in told:
                    continue
                told.add((pack.pack_hash, name))
                binding = table_binding(vault.vault_id, keys.domain, row.session, row.number)
                ids = open_table(keys.table_key, index_list.table(row), binding, row.chunk_count)
                cut = [ids[start : start + HASH_SIZE] for start in range(0, len(ids), HASH_SIZE)]
                yield name, Found(row, cut)


def split_vault(address: str) -> dict[str, int]:
    """Return what the bytes of a vault of the benchmark are; see ``split_stored``."""
    store = open_store(address)
    opened = open_vault(store, passphrase_secret(PASSPHRASE))
    with TemporaryDirectory() as caches:
        vault = Vault(store=store, credentials=opened.credentials, roster=opened.roster, caches=Path(caches))
        return split_stored(vault)


def main() -> int:
    """Print the split of the vault that the first argument names."""
    print(json.dumps(split_vault(sys.argv[1]), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
