"""The verb ``verify``: find every damaged object and name what it reaches; with ``repair``, mend what can be mended."""

import enum
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId
from rebond.operations.verify_steps import Verification
from rebond.private_folders import PrivateFolder
from rebond.progress import Advance, Observer, Silence
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.auditing import audit_objects, read_audit_context
from rebond.vault.damage_reach import DamageBook, DamagedObject
from rebond.vault.object_names import ObjectClass
from rebond.vault.repairing import RepairOutcome, repair_vault
from rebond.vault.spare_mending import mend_copies

_REPORT_OBJECTS = 200


class VerifyLevel(enum.StrEnum):
    """How deep a check went; each level contains those before it."""

    SUMS = "sums"  # without a key: names, sums, signatures of clear records
    PLACES = "places"  # with a catalog key: references, lists, packs' tails
    CONTENT = "content"  # with the owner's key: trees, chunk ids, tables


class VerifyOutcome(Struct, frozen=True, kw_only=True):
    """What a check found. ``ok`` means that no object is damaged, missing or foreign.

    ``checked_bytes`` are those that were read and compared. ``damage`` names for each damaged object
    every path of every snapshot that it reaches. ``repair`` says what was mended, if that was asked
    for; the findings tell the state before it.
    """

    ok: bool
    level: VerifyLevel
    checked_objects: int
    checked_bytes: int
    read_packs: int
    seconds: float
    findings: tuple[Finding, ...] = ()
    damage: tuple[DamagedObject, ...] = ()
    repair: RepairOutcome | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether something deserves a look though nothing is damaged: exit status 3."""
        return any(finding.severity is Severity.WARNING for finding in self.findings)


def verify(
    vault: Vault,
    *,
    snapshots: Collection[SnapshotId] | None = None,
    read_data_percent: float | None = None,
    older_than_seconds: int | None = None,
    repair: bool = False,
    walks_trees: bool = True,
    shard: tuple[int, int] = (0, 1),
    observer: Observer | None = None,
    state: Path | None = None,
    host: str = "",
) -> VerifyOutcome:
    """Check a vault as deep as the key allows.

    ``snapshots`` limits the check to what these need. ``read_data_percent`` reads that share of the
    packs' bytes, least recently read first; ``older_than_seconds`` only packs not read since then
    (all of them, unless a share is given). What was read is remembered below ``state``. ``shard`` is
    (I, N): this call checks the I-th of N parts. Without ``walks_trees`` no tree is read, also with the
    owner's key: quick, but damage is then known by snapshots and not by paths. ``repair`` adds what
    can be mended and deletes nothing but damage marks that have had their day.

    Raises ``UsageError`` for a share or shard that cannot be, ``RoleTooSmall`` when the key may not
    read packs or repair, ``StoreError`` when the store fails.
    """
    _check_request(read_data_percent, shard)
    if repair:
        vault.credentials.require_keeper()
        vault.roster.require_writable()
    if older_than_seconds is not None and read_data_percent is None:
        read_data_percent = 100.0
    began = vault.clock.monotonic()
    with PrivateFolder("verify") as scratch:
        run = Verification(vault, chosen=snapshots, shard=shard, observer=observer or Silence(), scratch=scratch)
        structure = run.check_structure()
        if snapshots is None:
            run.check_objects(structure)
            run.check_streams(read_data_percent)
        run.read_packs(structure, read_data_percent, older_than_seconds, state)
        structure = run.find_reach(structure, walks_trees=walks_trees and vault.can_read())
        run.note_what_is_not_remembered()
        repaired = repair_vault(vault, run.plan_repair(structure), host=host) if repair else None
        if repaired is not None:
            repaired = replace(repaired, put_back=mend_copies(vault, run.book.note))
    findings = tuple(run.book.findings)
    return VerifyOutcome(
        ok=not any(finding.severity is Severity.DAMAGE for finding in findings),
        level=VerifyLevel.CONTENT if walks_trees and vault.can_read() else VerifyLevel.PLACES,
        checked_objects=run.checked_objects,
        checked_bytes=run.checked_bytes,
        read_packs=run.read_packs_count,
        seconds=vault.clock.monotonic() - began,
        findings=findings,
        damage=run.book.damaged_objects(),
        repair=repaired,
    )


def verify_without_key(store: Store, *, read_data: bool = False, observer: Observer | None = None) -> VerifyOutcome:
    """Check what anybody can: names, sums, and signatures of clear records by the roster that lies there.

    ``read_data`` reads every pack and compares its hash with its name. Raises ``StoreError``.
    """
    listener = observer or Silence()
    book = DamageBook(listener.noticed)
    context, finding = read_audit_context(store)
    if finding is not None:
        book.note(finding)
    objects = checked_bytes = packs = 0
    skipped = () if read_data else (ObjectClass.PACK,)
    for number, audited in enumerate(audit_objects(store, context, skipped=skipped)):
        objects += audited.read_bytes > 0
        checked_bytes += audited.read_bytes
        packs += audited.object_class is ObjectClass.PACK and audited.read_bytes > 0
        for found in audited.findings:
            book.note(found)
        if number % _REPORT_OBJECTS == 0:
            listener.advanced(Advance(phase="objects", files=number, bytes=checked_bytes))
    return VerifyOutcome(
        ok=not any(found.severity is Severity.DAMAGE for found in book.findings),
        level=VerifyLevel.SUMS,
        checked_objects=objects,
        checked_bytes=checked_bytes,
        read_packs=packs,
        seconds=0.0,
        findings=tuple(book.findings),
        damage=book.damaged_objects(),
    )


def _check_request(read_data_percent: float | None, shard: tuple[int, int]) -> None:
    if read_data_percent is not None and not 0 <= read_data_percent <= 100:
        raise UsageError(
            "{percent} is not a share of the data.", hint="Give a number from 0 to 100.", percent=read_data_percent
        )
    if not 0 <= shard[0] < shard[1]:
        raise UsageError(
            "{index}/{count} is not a shard.",
            hint="Write I/N with 0 <= I < N, such as 0/4.",
            index=shard[0],
            count=shard[1],
        )
