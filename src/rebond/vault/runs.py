"""Run records: what keepers did, and which commit records they knew (section 10).

``runs/N`` is sealed with KDF("runs", C) and signed by the keeper. It is kept for ever. A prune
compares the snapshots that it lists with those that the newest record knows: one that vanished
without having been named as being forgotten stops it.
"""

import re
from collections.abc import Collection, Iterable, Iterator

import msgspec
from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import ForeignObject, ObjectExists, ObjectMissing, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import MemberId, ObjectName, VaultId
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, derive, open_seal, seal, sign
from rebond.vault.records import decode, encode
from rebond.vault.snapshots import parse_snapshot_name

RUNS_PREFIX = "runs/"
_NAME = re.compile(r"runs/([0-9]{1,18})")
_KEEPERS = (Role.OWNER, Role.KEEPER)
_CLEAR_SIZE = HEADER_SIZE + 8
_ROW = 40  # member 8, snapshot 16, session 16
_ATTEMPTS = 100


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one keeper's run says of itself. Times are milliseconds since 1970, UTC.

    ``known`` and ``forgotten`` are commit records, 40 bytes each: member, snapshot id, session id.
    ``knows_records`` tells an empty vault from a record that does not say. ``journals`` are the
    lengths of the open sessions' journals, ``packs`` counts those listed.
    """

    run: bytes
    purpose: str
    time_ms: int
    knows_records: bool = False
    known: bytes = b""
    forgotten: bytes = b""
    trashed: int = 0
    journals: dict[str, int] = {}
    packs: int = 0
    marks: list[str] = []
    deleted: dict[str, int] = {}
    freed_bytes: int = 0
    proof: dict[str, bool] = {}


class StoredRun(Struct, frozen=True, kw_only=True):
    """A run record in the store, with who made it and its store time in milliseconds."""

    number: int
    member: MemberId
    store_time_ms: int
    record: RunRecord

    @property
    def known_names(self) -> frozenset[ObjectName]:
        """The commit records that were listed when it was put."""
        return frozenset(names_in_rows(self.record.known))

    @property
    def forgotten_names(self) -> frozenset[ObjectName]:
        """The commit records that it says are being deleted."""
        return frozenset(names_in_rows(self.record.forgotten))


def rows_of_names(names: Iterable[str]) -> bytes:
    """Pack names of commit records, 40 bytes each, sorted; other names are left out."""
    parsed = (parse_snapshot_name(name) for name in sorted(names))
    return b"".join(name.member + name.snapshot + name.session for name in parsed if name is not None)


def names_in_rows(rows: bytes) -> Iterator[ObjectName]:
    """Yield the names that ``rows_of_names`` packed."""
    for start in range(0, len(rows) - _ROW + 1, _ROW):
        row = rows[start : start + _ROW]
        yield ObjectName(f"snapshots/{row[:8].hex()}/{row[8:24].hex()}.{row[24:].hex()}")


def run_name(number: int) -> ObjectName:
    """Where a run record lies."""
    return ObjectName(f"{RUNS_PREFIX}{number}")


def build_run(record: RunRecord, name: ObjectName, credentials: Credentials) -> bytes:
    """Lay out, seal and sign a run record; raises ``RoleTooSmall`` for a writer."""
    credentials.require_keeper()
    clear = ClearHeader(kind=ObjectKind.RUN, vault_id=credentials.vault_id).encode() + credentials.member
    body = clear + seal(derive("runs", credentials.catalog_roots[-1]), "run", encode(record), clear)
    return with_sum(body + sign(credentials.signing_key, "run", body + name.encode()))


def parse_run(
    content: Buffer, name: ObjectName, vault_id: VaultId, catalog_roots: tuple[bytes, ...]
) -> tuple[RunRecord, MemberId, bytes, bytes]:
    """Open a run record: (record, member, signed bytes, signature); raises ``VaultDamaged`` or ``WrongKey``."""
    body = without_sum(content)
    decode_header(body, ObjectKind.RUN, vault_id)
    if len(body) < _CLEAR_SIZE + SIGNATURE_SIZE:
        raise VaultDamaged("The run record {name} is too short.", name=name)
    clear = bytes(body[:_CLEAR_SIZE])
    keys = [derive("runs", root) for root in catalog_roots]
    record = decode(open_seal(keys, "run", body[_CLEAR_SIZE:-SIGNATURE_SIZE], clear), RunRecord)
    return (
        record,
        MemberId(clear[HEADER_SIZE:]),
        bytes(body[:-SIGNATURE_SIZE]) + name.encode(),
        bytes(body[-SIGNATURE_SIZE:]),
    )


def put_run(store: Store, credentials: Credentials, record: RunRecord) -> tuple[ObjectName, int]:
    """Put a run record at the next free number; return its name and store time in milliseconds."""
    number = 1 + max((number for number, _ in list_run_numbers(store)), default=0)
    for candidate in range(number, number + _ATTEMPTS):
        name = run_name(candidate)
        content = build_run(record, name, credentials)
        try:
            store.put_if_absent(name, content)
        except ObjectExists:
            if store.read(name) != content:
                continue  # another keeper was faster
        return name, store.stat(name).modified_ms
    raise VaultDamaged(
        "No run record could be put: {count} numbers after {number} are taken.",
        hint="Find out who writes below runs/ in the vault, then run the same command again.",
        count=_ATTEMPTS,
        number=number,
    )


def list_run_numbers(store: Store) -> list[tuple[int, int]]:
    """Return (number, store time in milliseconds) of every run record, highest number first."""
    found = []
    for info in store.list_objects(RUNS_PREFIX):
        match = _NAME.fullmatch(info.name)
        if match is not None:
            found.append((int(match.group(1)), info.modified_ms))
    return sorted(found, reverse=True)


def read_runs(vault: Vault) -> Iterator[StoredRun]:
    """Yield the run records, newest first, each read when it is asked for. Invalid ones are reported and left out.

    A newer format raises ``FormatTooNew``.
    """
    vault.credentials.require_keeper()
    for number, store_time_ms in list_run_numbers(vault.store):
        name = run_name(number)
        try:
            record, member, signed, signature = parse_run(
                vault.store.read(name), name, vault.vault_id, vault.credentials.catalog_roots
            )
            vault.roster.verify_record(member, "run", signed, signature, store_time_ms, roles=_KEEPERS)
        except (VaultDamaged, ForeignObject, ObjectMissing, WrongKey) as error:
            vault.report(_invalid(name, error.message))
            continue
        yield StoredRun(number=number, member=member, store_time_ms=store_time_ms, record=record)


def find_newest_census(vault: Vault) -> StoredRun | None:
    """Return the newest run record that says which commit records there were."""
    return next((run for run in read_runs(vault) if run.record.knows_records), None)


def find_forgotten(vault: Vault, wanted: Collection[str]) -> frozenset[str]:
    """Return which of ``wanted`` some run record names as being forgotten; reads back only as far as it must."""
    found: set[str] = set()
    if wanted:
        for run in read_runs(vault):
            found.update(run.forgotten_names.intersection(wanted))
            if len(found) == len(wanted):
                break
    return frozenset(found)


def list_usual_counts(vault: Vault, looked_at: int = 10) -> list[int]:
    """Return how many snapshots the newest forgetting runs put in the trash, newest first."""
    counts: list[int] = []
    for run in read_runs(vault):
        if run.record.trashed:
            counts.append(run.record.trashed)
        if len(counts) == looked_at:
            break
    return counts


def begin_record(run: bytes, purpose: str, clock: Clock) -> RunRecord:
    """Return a record that says nothing yet but who and when."""
    return RunRecord(run=run, purpose=purpose, time_ms=clock.now_ms())


def _invalid(name: str, reason: str) -> Finding:
    return Finding(
        code="run-invalid",
        severity=Severity.DAMAGE,
        subject=name,
        template="The run record {name} is not valid and was passed over: {reason}",
        hint_template="Restore it from a replica, or find out who put it there.",
        values={"name": name, "reason": reason},
    )
