"""Which snapshot each component comes back from."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rebond.errors import UnknownName, VaultDamaged
from rebond.operations.browsing import children, content_of, root_of
from rebond.operations.recovery.parts import Source
from rebond.operations.snapshots import time_of
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import StoredEntry

REFERENCE = b"kept-apart.json"  # all that a snapshot holds of a component that lies in another one


def choose_records(
    records: Sequence[SnapshotRecord], until_ms: int, *, stack: str, names: Collection[str] = ()
) -> dict[str, SnapshotRecord]:
    """Return for each component its newest whole version that shows ``until_ms`` or an earlier moment.

    Raises ``UnknownName`` for a named component without one.
    """
    found: dict[str, SnapshotRecord] = {}
    for record in sorted(records, key=lambda each: (time_of(each), each.catalog.sequence)):
        if time_of(record) > until_ms or (stack and record.catalog.stack != stack):
            continue
        found.update({each.name: record for each in record.catalog.components if each.is_whole})
    if missing := [name for name in names if name not in found]:
        raise UnknownName(
            "There is no whole version of {missing} of that moment or earlier.",
            hint="'rebond snapshots --component NAME' lists what there is.",
            missing=", ".join(missing),
        )
    return {name: record for name, record in found.items() if not names or name in names}


def find_reference(source: Source, name: str) -> Mapping[str, Any] | None:
    """Return where a component lies whose content this snapshot only names; ``None`` for one that is in it.

    The keys are those of ``kept-apart.json``: ``vault``, ``address`` and ``snapshot`` among them.
    """
    summary = next((each for each in source.record.catalog.components if each.name == name), None)
    if summary is None or summary.kind != "secrets" or summary.files != 1:
        return None
    with source.reading() as reader:
        component = next(each for each in reader.components if each.name == name)
        if not component.tree:
            return None
        for item in children(reader, root_of(component)):
            if item.entry is not None and item.entry.name == REFERENCE:
                return _read(reader, item.entry)
    return None


def _read(reader: SnapshotReader, entry: StoredEntry) -> Mapping[str, Any]:
    document = json.loads(b"".join(content_of(reader, entry)))
    if not isinstance(document, dict):
        raise VaultDamaged("What a snapshot says of secrets that are kept apart cannot be understood.")
    return document
