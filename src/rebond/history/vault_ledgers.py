"""The ledgers of all hosts, as they were sealed into a vault. Only the owner's key reads them."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.history.checking import Place, check_chain
from rebond.history.lines import OPENED, Line, read_line
from rebond.history.sealing import STREAM_PREFIX
from rebond.store.asking_ahead import ask_ahead
from rebond.vault.access import Vault
from rebond.vault.streams import StoredItem, list_items, read_listed


class VaultLedger(Struct):
    """One chain out of a vault: its lines by their numbers, and what is wrong with it."""

    chain: str
    host: str = ""
    lines: dict[int, Line] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_vault_ledgers(vault: Vault) -> list[VaultLedger]:
    """Return every chain in the vault, each checked. Raises ``RoleTooSmall`` for all but the owner, ``StoreError``."""
    vault.credentials.sealing_seed(vault.roster.epoch)  # says in words that it takes the owner's
    ledgers: dict[str, VaultLedger] = {}

    def read(item: StoredItem) -> bytes | Finding | None:
        try:
            return read_listed(vault, item)
        except ObjectMissing:
            return None
        except (VaultDamaged, ForeignObject, FormatTooNew, WrongKey) as error:
            return _unreadable(item.name, error.message)

    for item, content in ask_ahead(vault.store, list_items(vault, prefix=STREAM_PREFIX), read, most=8):
        # Whoever may write another domain must not add to the ledger of this one.
        key = f"{item.domain.hex()}/{item.record.stream}"
        ledger = ledgers.setdefault(key, VaultLedger(item.record.stream.removeprefix(STREAM_PREFIX)))
        if isinstance(content, Finding):
            ledger.findings.append(content)
        elif content is not None:
            _take(ledger, content)
    for ledger in ledgers.values():
        _check(ledger, [each for each in ledgers.values() if each.chain == ledger.chain and each is not ledger])
    return list(ledgers.values())


def _take(ledger: VaultLedger, content: bytes) -> None:
    """Add the lines of an item; two that differ and have one number are told: a machine was copied, or its ledger."""
    for text in content.split(b"\n"):
        line = read_line(text) if text else None
        if line is None:
            continue
        present = ledger.lines.setdefault(line.number, line)
        if present.content != line.content:
            ledger.findings.append(_forked(ledger.chain, line.number))


def _check(ledger: VaultLedger, alike: Sequence[VaultLedger]) -> None:
    lines = _complete(ledger, alike)
    ordered = [lines[number] for number in sorted(lines)]
    ledger.host = next((str(line.facts.get("host", "")) for line in ordered if line.event == OPENED), "")
    places: Iterable[tuple[Place, bytes]] = ((Place(ledger.chain, line.number), line.content) for line in ordered)
    ledger.findings += check_chain(places)


def _complete(ledger: VaultLedger, alike: Sequence[VaultLedger]) -> dict[int, Line]:
    """Return its lines with those before them that only another domain has of the same chain.

    A machine that is used with a writer's key and with the owner's seals each line once, into the domain at hand. What
    another domain says counts only where a line of this one names its hash: so nobody fills a hole with his own.
    """
    lines = dict(ledger.lines)
    for line in ledger.lines.values():
        later = line
        while later.number > 0 and later.number - 1 not in lines:
            told = (each.lines.get(later.number - 1) for each in alike)
            earlier = next((each for each in told if each is not None and each.hash == later.previous), None)
            if earlier is None:
                break
            lines[earlier.number] = later = earlier
    return lines


def _unreadable(name: str, reason: str) -> Finding:
    return Finding(
        code="ledger-item-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="A sealed part of a ledger, {name}, cannot be read: {reason}",
        hint_template="Run 'rebond verify --read-data'. The host that made it may still have these lines.",
        values={"name": name, "reason": reason},
    )


def _forked(chain: str, number: int) -> Finding:
    return Finding(
        code="ledger-forked",
        severity=Severity.DAMAGE,
        subject=chain,
        template="The ledger {chain} has two lines {number} that differ.",
        hint_template="A machine was copied with its state, or its ledger was changed after it was sealed.",
        values={"chain": chain, "number": number},
    )
