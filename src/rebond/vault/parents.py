"""The snapshot that a new one follows: for its sequence, its parent and what to leave behind."""

import itertools
from collections.abc import Collection, Iterator

from msgspec import Struct

from rebond.errors import FormatTooNew, ObjectMissing, RoleTooSmall, VaultDamaged, WrongKey
from rebond.vault.access import Vault
from rebond.vault.commits import load_references, read_commit
from rebond.vault.marks import Marks
from rebond.vault.references import References
from rebond.vault.snapshots import ComponentSummary, SnapshotRecord, list_snapshot_names

_WANTED = 8  # newest snapshots of the member; each costs a request
_SOUGHT = 2000  # where a class that runs once a week may stand behind one that runs at each commit
_LOOKED_AT = 64  # records at most: a keeper may have voided many sessions in a row


class Parent(Struct, frozen=True):
    """The newest snapshots of this member: ``last`` of any stack, ``record`` of the same one in the same domain.

    ``newest_ms`` is the latest claimed time of that stack's, of those looked at that the store did not contradict.
    """

    last: SnapshotRecord
    record: SnapshotRecord | None
    references: References | None
    newest_ms: int = 0

    @property
    def components(self) -> int:
        """How many components that snapshot has."""
        return len(self.record.catalog.components) if self.record is not None else 0

    @property
    def total_bytes(self) -> int:
        """Bytes of all components of the same stack's snapshot."""
        return sum(c.bytes for c in self.record.catalog.components) if self.record is not None else 0


def find_parent(vault: Vault, host: str, stack: str, marks: Marks) -> Parent | None:
    """Look at this member's newest records by store time; ``None`` when there is none that can be read."""
    records = list(itertools.islice(_read_newest(vault), _WANTED))
    if not records:
        return None
    records.sort(key=lambda record: record.catalog.sequence, reverse=True)
    forgotten, domain = marks.forgotten(), vault.credentials.writing_domain()
    of_stack = [
        record
        for record in records
        if (record.catalog.host, record.catalog.stack, record.domain) == (host, stack, domain)
        and record.name not in forgotten
    ]
    same = of_stack[0] if of_stack else None
    references = None
    if same is not None:
        try:
            references = load_references(vault, same)
        except (VaultDamaged, WrongKey, FormatTooNew, ObjectMissing):
            references = None  # only refresh needs them; verify reports it
    newest_ms = max((min(each.catalog.time_ms, each.store_time_ms) for each in of_stack), default=0)
    return Parent(records[0], same, references, newest_ms)


def find_earlier(
    vault: Vault, stack: str, component: str, classes: Collection[str], marks: Marks
) -> ComponentSummary | None:
    """Return what this member's newest snapshot of one of ``classes`` that has a component whole says of it."""
    forgotten = marks.forgotten()
    for record in _read_newest(vault, _SOUGHT):
        catalog = record.catalog
        if catalog.stack != stack or catalog.class_ not in classes or record.name in forgotten:
            continue
        for each in catalog.components:
            if each.name == component and each.complete:
                return each
    return None


def _read_newest(vault: Vault, most: int = _LOOKED_AT) -> Iterator[SnapshotRecord]:
    """Yield this member's records that can be read, the newest by store time first; ``most`` are looked at."""
    names = sorted(list_snapshot_names(vault.store, vault.credentials.member), key=lambda n: (n.store_time_ms, n.name))
    for name in reversed(names[-most:]):
        try:
            commit = read_commit(vault, name)
        except (ObjectMissing, RoleTooSmall):
            continue  # forgotten since the listing, or of a domain that this key no longer has
        if isinstance(commit, SnapshotRecord):
            yield commit
