"""Snapshots of what is small and secret: made only when something changed, so that each one says something."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.durable_files import replace_durably
from rebond.entries import EntryKind, Listing, Tree
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.operations.backup import BackupOutcome, BackupRequest, back_up
from rebond.operations.components import ComponentToSave, Report
from rebond.progress import Observer
from rebond.vault.access import Vault
from rebond.vault.commits import read_commit
from rebond.vault.marks import read_marks
from rebond.vault.primitives import derive, keyed_id
from rebond.vault.snapshots import SnapshotRecord, list_snapshot_names

_WALKED_TWICE = frozenset({"secrets"})  # kinds whose trees lie in memory and give the same again


class Unchanged(Struct, frozen=True, kw_only=True):
    """Nothing changed since ``record``, which stands; no snapshot was made."""

    record: SnapshotRecord
    findings: tuple[Finding, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether something could not be read: exit status 3."""
        return any(each.severity is not Severity.NOTE for each in self.findings)


class _Taken:
    """A component that was read once: what was found is what is saved."""

    def __init__(self, component: ComponentToSave) -> None:
        self.component = component
        self._findings: list[Finding] = []
        self._tree: Tree | SourceError
        try:
            self._tree = component.open_tree(self._findings.append)
        except SourceError as error:
            self._tree = error

    @property
    def findings(self) -> Sequence[Finding]:
        return self._findings

    @property
    def is_doubtful(self) -> bool:
        """Whether something of it could not be read."""
        return any(each.severity is not Severity.NOTE for each in self._findings)

    @property
    def fault(self) -> SourceError | None:
        """Why it could not be read."""
        return self._tree if isinstance(self._tree, SourceError) else None

    def again(self) -> ComponentToSave:
        """Return the component with what was read of it."""

        def open_tree(report: Report) -> Tree:
            for each in self._findings:
                report(each)
            if isinstance(self._tree, SourceError):
                raise self._tree
            return self._tree

        return replace(self.component, open_tree=open_tree)

    def describe(self) -> Iterator[bytes]:
        """Yield everything that would be another snapshot if it were different, each with its length before it.

        Not the times: who saves a file again as it was has changed nothing.
        """
        if isinstance(self._tree, SourceError):
            return
        for listing in self._tree.listings():
            yield from _frame(b"directory", listing.path)
            for position in range(len(listing.names)):
                yield from _describe_entry(listing, position)


def can_be_compared(components: Sequence[ComponentToSave]) -> bool:
    """Say whether all of them are of a kind that can be compared with what was saved last."""
    return bool(components) and all(each.kind in _WALKED_TWICE for each in components)


def back_up_if_changed(
    vault: Vault, request: BackupRequest, observer: Observer, *, memory: Path
) -> BackupOutcome | Unchanged:
    """Make a snapshot unless the last one holds the same and still stands.

    A request to hold it, with a note, or to read everything again is one for a snapshot of its own.
    ``memory`` is a file of this machine that remembers what the last one held, by a sum that only who may write to
    the vault can make; where it is lost, one snapshot more is made. Raises what ``back_up`` does.
    """
    taken = [_Taken(each) for each in request.components]
    sum_ = _make_sum(vault, request.stack, request.class_, taken)
    before = _recall(memory, sum_)
    is_wanted_anyway = request.held or request.note or request.rereads_all
    if before and not is_wanted_anyway and not any(each.fault for each in taken):
        standing = _find_standing(vault, before)
        if standing is not None:
            findings = [each for one in taken for each in one.findings]
            for each in findings:
                observer.noticed(each)
            return Unchanged(record=standing, findings=tuple(findings))
    outcome = back_up(vault, replace(request, components=tuple(each.again() for each in taken)), observer)
    if outcome.record.is_complete:
        _remember(memory, sum_, outcome.record, observer.noticed)
    return outcome


def is_saved_as_it_is(
    vault: Vault, components: Sequence[ComponentToSave], *, stack: str, class_: str, memory: Path
) -> bool:
    """Say whether ``back_up_if_changed`` would find all of it unchanged, and all of it readable.

    What cannot be read is not known to be saved. Raises ``StoreError``, and ``RoleTooSmall`` for a keeper's key.
    """
    if not can_be_compared(components):
        return False
    taken = [_Taken(each) for each in components]
    before = _recall(memory, _make_sum(vault, stack, class_, taken))
    if not before or any(each.fault or each.is_doubtful for each in taken):
        return False
    return _find_standing(vault, before) is not None


def _find_standing(vault: Vault, snapshot: str) -> SnapshotRecord | None:
    """Return a snapshot of this member's that is neither ended nor in the trash."""
    forgotten = read_marks(vault.store, vault.vault_id, vault.roster).forgotten()
    for name in list_snapshot_names(vault.store, vault.credentials.member):
        if name.snapshot.hex() == snapshot and name.name not in forgotten:
            commit = read_commit(vault, name)
            if isinstance(commit, SnapshotRecord):
                return commit
    return None


def _make_sum(vault: Vault, stack: str, class_: str, taken: Sequence[_Taken]) -> str:
    key = derive("unchanged", vault.credentials.domain_keys(vault.credentials.writing_domain()).tree_id_key)
    content = bytearray()
    for each in taken:
        content += b"".join(_frame(b"component", each.component.name.encode()))
        content += b"".join(each.describe())
    content += b"".join(_frame(stack.encode(), class_.encode()))
    return keyed_id(key, bytes(content)).hex()


def _describe_entry(listing: Listing, position: int) -> Iterator[bytes]:
    entry = listing.describe(position)
    if entry is None:
        return
    about = f"{entry.kind} {entry.mode:o} {entry.uid} {entry.gid}".encode()
    content = b""
    if entry.kind is EntryKind.FILE:
        opened = listing.open(position)
        content = b"".join(iter(lambda: opened.read(1 << 20), b"")) if opened is not None else b""
    yield from _frame(entry.name, about, entry.target, content)


def _frame(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield len(part).to_bytes(8, "little")
        yield part


def _recall(memory: Path, sum_: str) -> str:
    """Return the snapshot that held just this; empty when none is known."""
    try:
        known = json.loads(memory.read_bytes())
        return str(known["snapshot"]) if known["sum"] == sum_ else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""  # nothing remembered, or half of it: then a snapshot is made


def _remember(memory: Path, sum_: str, record: SnapshotRecord, report: Callable[[Finding], None]) -> None:
    """Write down what stands now. Without it the next run makes one snapshot too many, and none too few."""
    content = json.dumps({"sum": sum_, "snapshot": record.snapshot.hex()}).encode()
    try:
        memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_durably(os.fspath(memory), content)
    except OSError as error:
        report(
            Finding(
                code="not-remembered",
                severity=Severity.NOTE,
                subject=str(memory),
                template="The snapshot stands, but {path} could not be written: {reason}. The next run makes another.",
                values={"path": str(memory), "reason": error.strerror or str(error)},
            )
        )
