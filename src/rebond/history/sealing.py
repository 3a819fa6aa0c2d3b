"""From the ledger of this machine into the vault: what is new, in items that are put once and kept for ever."""

import contextlib
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from rebond.durable_files import DIRECTORY_MODE, TEMPORARY_PREFIX
from rebond.findings import Finding, Severity
from rebond.history.ledger import Ledger
from rebond.history.lines import NO_PREVIOUS, Line
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.streams import StoredItem, put_item

STREAM_PREFIX = "ledger/"
BATCH_BYTES = 1 << 20
SEALED = "sealed"


class SealedUpTo(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain lies in a vault: number and hash of its last line there; -1 when nothing does."""

    chain: str
    number: int = -1
    hash: str = NO_PREVIOUS


class ItemName(msgspec.Struct, frozen=True):
    """What the name of an item says: which lines it holds."""

    first: int
    last: int


def may_seal(vault: Vault) -> bool:
    """Say whether this key may put items: a keeper's may not."""
    return vault.credentials.role is not Role.KEEPER and not vault.roster.is_read_only


def seal_ledger(vault: Vault, ledger: Ledger, *, at_least: int = 1) -> list[Finding]:
    """Put the lines that the vault does not have yet; return what is odd about them. May be repeated at any time.

    With fewer than ``at_least`` lines to put, nothing is done.
    Raises ``RebondError`` when the vault cannot take them, ``OSError`` when the ledger cannot be read.
    """
    chain = ledger.chain()
    if not chain:
        return []
    folder = ledger.folder / SEALED
    # Without the note of this machine all is put once more: what the vault has is found to be the same.
    known = find_sealed(folder, vault.vault_id.hex(), chain) or SealedUpTo(chain=chain)
    if at_least > 1 and sum(1 for _ in islice(ledger.lines_after(known.number), at_least)) < at_least:
        return []
    findings: list[Finding] = []
    before = known
    for batch in _batches(ledger.lines_after(known.number)):
        if (batch[0].number, batch[0].previous) != (before.number + 1, before.hash):
            findings.append(_broken(before.number + 1))
        last = batch[-1]
        put_item(
            vault,
            STREAM_PREFIX + chain,
            f"{batch[0].number}-{last.number}-{last.hash[:16]}",
            b"".join(line.content + b"\n" for line in batch),
            sequence=last.number,
            for_ever=True,
        )
        before = SealedUpTo(chain=chain, number=last.number, hash=last.hash)
    if before != known:
        with ledger.locked():
            latest = find_sealed(folder, vault.vault_id.hex(), chain)
            if latest is None or latest.number < before.number:
                _remember(folder, vault.vault_id.hex(), before)
    return findings


def find_sealed(folder: Path, vault_id: str, chain: str) -> SealedUpTo | None:
    """Return how far the chain lies in a vault, as this machine remembers; ``None`` when it does not."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads((folder / vault_id).read_bytes())
        found = SealedUpTo(chain=str(facts["chain"]), number=int(facts["number"]), hash=str(facts["hash"]))
        return found if found.chain == chain else None
    return None


def list_sealed(folder: Path, chain: str) -> Iterator[SealedUpTo]:
    """Yield how far the chain lies in each vault that this machine remembers."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(folder)):
            if not name.startswith(TEMPORARY_PREFIX) and (found := find_sealed(folder, name, chain)) is not None:
                yield found


def parse_item(item: StoredItem) -> ItemName | None:
    """Take the name of an item apart; ``None`` when it is not one of a ledger."""
    first, _, rest = item.record.item.partition("-")
    last, _, start = rest.partition("-")
    if not (first.isdecimal() and last.isdecimal() and len(first + last) <= 36 and len(start) == 16):
        return None
    found = ItemName(int(first), int(last))
    # Its content has a byte for each line at least: a name that promises more is none of ours.
    return found if 0 <= found.last - found.first < item.record.raw_length else None


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and size + len(line.content) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.content) + 1
    if batch:
        yield batch


def _remember(folder: Path, vault_id: str, sealed: SealedUpTo) -> None:
    """Note it. Nothing is flushed: what a power cut takes of the note costs one more put."""
    folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    temporary = folder / f"{TEMPORARY_PREFIX}{vault_id}"
    temporary.write_text(json.dumps({"chain": sealed.chain, "number": sealed.number, "hash": sealed.hash}))
    os.replace(temporary, folder / vault_id)


def _broken(number: int) -> Finding:
    return Finding(
        code="ledger-altered",
        severity=Severity.WARNING,
        subject=str(number),
        template="The ledger of this machine was altered since it was sealed: line {number} does not follow.",
        hint_template="Run 'rebond history --check', and find out who changed it. What is in the vault is unharmed.",
        values={"number": number},
    )
