"""Which snapshots, and with the owner's key which paths, damage reaches (§11)."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import mkdtemp

from rebond.errors import RoleTooSmall, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId
from rebond.progress import Advance, Observer
from rebond.vault.access import Vault
from rebond.vault.checking_data import RecoveredSegment
from rebond.vault.checking_snapshots import CheckedSnapshot, reload_references, reload_snapshot
from rebond.vault.checking_structure import Structure
from rebond.vault.checking_trees import TreeWalker, WalkResult, count_unused
from rebond.vault.damage_reach import DamageBook
from rebond.vault.domain_content import DomainContent
from rebond.vault.lost_segments import LostSegments
from rebond.vault.object_findings import damage_of
from rebond.vault.private_parts import read_private_part
from rebond.vault.references import References
from rebond.vault.snapshots import PrivatePart, SnapshotRecord
from rebond.vault.unlisted_packs import read_self_described


def reach_by_references(
    vault: Vault, snapshots: Iterable[CheckedSnapshot], lost: LostSegments, book: DamageBook
) -> None:
    """Note for each damaged object the snapshots that need something lost with it; paths stay unknown."""
    if lost.is_empty:
        return
    for snapshot in snapshots:
        record = reload_snapshot(vault, snapshot)
        references = reload_references(vault, record) if record is not None else None
        for name in lost.objects_reaching(references) if references is not None else ():
            book.reach_snapshot(name, snapshot.name.snapshot)


class ReachFinder:
    """Walks the trees of snapshots with the owner's key. Used as a context manager."""

    def __init__(
        self,
        vault: Vault,
        structure: Structure,
        lost: LostSegments,
        recovered: Iterable[RecoveredSegment],
        book: DamageBook,
        *,
        scratch: Path,
        observer: Observer,
    ) -> None:
        self._vault = vault
        self._structure = structure
        self._lost = lost
        self._recovered = list(recovered)
        self._book = book
        self._scratch = scratch
        self._observer = observer
        self._note = book.note
        self._contents: dict[DomainId, DomainContent] = {}
        self._walkers: dict[DomainId, TreeWalker] = {}
        self._directories = 0

    def __enter__(self) -> "ReachFinder":
        return self

    def __exit__(self, *_: object) -> None:
        for walker in self._walkers.values():
            walker.close()
        for content in self._contents.values():
            content.close()

    def walk(self, snapshot: CheckedSnapshot) -> None:
        """Walk all components of a snapshot; what is damaged goes into the book with its paths."""
        record = reload_snapshot(self._vault, snapshot)
        if record is None:
            return  # forgotten meanwhile
        part = self._open_private(record)
        if part is None:
            return
        references = reload_references(self._vault, record)
        results = self._walk_components(record, part, references, takes_short_cuts=True)
        if references is None:
            return
        unused = self._count_unused(results, references)
        if unused and any(result.took_short_cut for _, result in results):
            # A directory seen before may lie in other segments for this snapshot: look at it by itself.
            results = self._walk_components(record, part, references, takes_short_cuts=False)
            unused = self._count_unused(results, references)
        self._judge(record, results, unused)

    def _walk_components(
        self, record: SnapshotRecord, part: PrivatePart, references: References | None, *, takes_short_cuts: bool
    ) -> list[tuple[DomainId, WalkResult]]:
        results = []
        for component in part.components:
            if not component.tree:
                continue  # it was left out of a partial snapshot
            domain = DomainId(component.domain)
            try:
                walker = self._walker_of(domain)
            except RoleTooSmall as error:
                self._note(damage_of(record.name, error))
                continue
            result = walker.walk(
                record.snapshot, component.name, component.tree, references, takes_short_cuts=takes_short_cuts
            )
            results.append((domain, result))
        return results

    def _open_private(self, record: SnapshotRecord) -> PrivatePart | None:
        try:
            return read_private_part(self._vault, record)
        except (VaultDamaged, WrongKey, RoleTooSmall) as error:
            self._note(damage_of(record.name, error))
            self._book.reach_path([record.name], record.snapshot, "", b"", is_subtree=True)
            return None

    def _walker_of(self, domain: DomainId) -> TreeWalker:
        if domain not in self._walkers:
            content = DomainContent(self._vault, domain, self._lost)
            self._contents[domain] = content
            self._add_unlisted(content, domain)
            scratch = Path(mkdtemp(dir=self._scratch))
            self._walkers[domain] = TreeWalker(content, self._lost, self._book, scratch, self._advanced)
        return self._walkers[domain]

    def _add_unlisted(self, content: DomainContent, domain: DomainId) -> None:
        """Tell the content of packs and segments that no list names."""
        facts = self._structure.places
        packs = [(facts.packs.hash_at(one), facts.packs.size_at(one)) for one in facts.unlisted_packs]
        for pack in read_self_described(self._vault, packs, domain):
            for row, table in zip(pack.rows, pack.tables, strict=True):
                content.add_segment(pack.pack_hash, row, table)
        for found in self._recovered:
            if found.domain == domain:
                content.add_segment(found.pack_hash, found.row, found.table)

    def _count_unused(self, results: list[tuple[DomainId, WalkResult]], references: References) -> int:
        if any(result.is_damaged for _, result in results):
            return 0
        used: dict[DomainId, set[int]] = {}
        for domain, result in results:
            used.setdefault(domain, set()).update(result.used)
        return count_unused(self._contents, used, references)

    def _judge(self, record: SnapshotRecord, results: list[tuple[DomainId, WalkResult]], unused: int) -> None:
        unreferenced = sum(result.unreferenced for _, result in results)
        name = record.catalog.references_name or record.name
        if unreferenced:
            self._note(_incomplete(name, record, unreferenced))
        elif unused:
            self._note(_superfluous(name, unused))

    def _advanced(self, directories: int) -> None:
        self._directories += directories
        if self._directories % 500 == 0:
            self._observer.advanced(Advance(phase="trees", files=self._directories))


def _incomplete(name: str, record: SnapshotRecord, count: int) -> Finding:
    return Finding(
        code="references-incomplete",
        severity=Severity.DAMAGE,
        subject=name,
        template="Snapshot {snapshot} needs {count} chunks in segments that its references do not name.",
        hint_template="A prune could delete them. Make a new backup with --reread, and report this as a fault.",
        values={"snapshot": record.snapshot.hex(), "count": count},
    )


def _superfluous(name: str, count: int) -> Finding:
    return Finding(
        code="references-superfluous",
        severity=Severity.NOTE,
        subject=name,
        template="The references {name} keep {count} segments that the snapshot does not use.",
        hint_template="It costs room and nothing else.",
        values={"name": name, "count": count},
    )
