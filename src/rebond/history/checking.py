"""Is the ledger what was written? The chain on this machine, and what of it was sealed into vaults."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from rebond.findings import Finding, Severity
from rebond.history.ledger import Ledger
from rebond.history.lines import NO_PREVIOUS, OPENED, Line, read_line
from rebond.history.sealing import SEALED, STREAM_PREFIX, list_sealed, parse_item
from rebond.vault.access import Vault
from rebond.vault.streams import has_content, list_items


class Place(Struct, frozen=True):
    """Where a line was read: a file and the line's number in it, or an item of a vault."""

    name: str
    position: int


def check_ledger(ledger: Ledger) -> tuple[int, list[Finding]]:
    """Return how many lines this machine has, and what is wrong with them. Raises ``OSError``."""
    count = 0
    lines: dict[int, str] = {}

    def read() -> Iterator[tuple[Place, bytes]]:
        nonlocal count
        for path, position, content in ledger.read():
            count += 1
            yield Place(path.name, position), content

    def keep(line: Line) -> None:
        lines[line.number] = line.hash

    findings = check_chain(read(), keep)
    chain = ledger.chain()
    for sealed in list_sealed(ledger.folder / SEALED, chain):
        present = lines.get(sealed.number)
        if sealed.number >= 0 and present is None:
            findings.append(_missing(max(lines, default=-1) + 1, sealed.number))
        elif sealed.number >= 0 and present != sealed.hash:
            findings.append(_not_sealed(sealed.number))
    return count, findings


def check_chain(lines: Iterable[tuple[Place, bytes]], keep: Callable[[Line], None] = lambda _: None) -> list[Finding]:
    """Check lines in their order; return which were altered, cut or left out. ``keep`` is given each that is one."""
    findings: list[Finding] = []
    before: Line | None = None
    for place, content in lines:
        line = read_line(content)
        if line is None:
            findings.append(_unreadable(place))
            continue
        keep(line)
        expected = 0 if before is None else before.number + 1
        if line.number > expected:
            findings.append(_missing(expected, line.number - 1))
        elif line.number < expected:
            findings.append(_repeated(line))
        elif line.previous != (NO_PREVIOUS if before is None else before.hash):
            findings.append(_altered(before or line))
        before = line
    return findings


def check_against_vault(vault: Vault, ledger: Ledger) -> list[Finding]:
    """Compare this machine's ledger with what the vault has of it: by content ids, which a writer can tell.

    Raises ``RebondError`` and ``OSError``.
    """
    chain = ledger.chain()
    if not chain or not vault.credentials.domain_secrets:
        return []
    lines = {line.number: line for line in ledger.lines()}
    findings = []
    for item in list_items(vault, STREAM_PREFIX + chain):
        name = parse_item(item)
        if name is None:
            continue
        present = [lines.get(number) for number in range(name.first, name.last + 1)]
        whole = [line for line in present if line is not None]
        if len(whole) < len(present):
            lacking = [number for number in range(name.first, name.last + 1) if number not in lines]
            findings.append(_missing(lacking[0], lacking[-1]))
        elif not has_content(vault, item, b"".join(line.content + b"\n" for line in whole)):
            findings.append(_differs(name.first, name.last))
    return findings


def _describe(line: Line) -> str:
    words = [str(line.facts.get(name, "")) for name in ("event", "kind", "run", "time")]
    return " ".join(word for word in words if word) if line.event != OPENED else line.event


def _unreadable(place: Place) -> Finding:
    return Finding(
        code="ledger-unreadable",
        severity=Severity.DAMAGE,
        subject=f"{place.name}:{place.position}",
        template="Line {position} of {name} is no line of a ledger.",
        hint_template=_HINT,
        values={"name": place.name, "position": place.position},
    )


def _altered(line: Line) -> Finding:
    return Finding(
        code="ledger-altered",
        severity=Severity.DAMAGE,
        subject=str(line.number),
        template="Line {number} of the ledger is not what was written ({what}): the next line names another one.",
        hint_template=_HINT,
        values={"number": line.number, "what": _describe(line)},
    )


def _repeated(line: Line) -> Finding:
    return Finding(
        code="ledger-repeated",
        severity=Severity.DAMAGE,
        subject=str(line.number),
        template="Line {number} of the ledger ({what}) has a number that was there before.",
        hint_template=_HINT,
        values={"number": line.number, "what": _describe(line)},
    )


def _not_sealed(number: int) -> Finding:
    return Finding(
        code="ledger-altered",
        severity=Severity.DAMAGE,
        subject=str(number),
        template="Line {number} of the ledger, or one before it, is not the one that was sealed into a vault.",
        hint_template=_HINT,
        values={"number": number},
    )


def _missing(first: int, last: int) -> Finding:
    return Finding(
        code="ledger-missing",
        severity=Severity.DAMAGE,
        subject=f"{first}-{last}",
        template="Lines {first} to {last} of the ledger are missing.",
        hint_template=_HINT,
        values={"first": first, "last": last},
    )


def _differs(first: int, last: int) -> Finding:
    return Finding(
        code="ledger-differs",
        severity=Severity.DAMAGE,
        subject=f"{first}-{last}",
        template="Lines {first} to {last} of this machine's ledger are not those that were sealed into the vault.",
        hint_template=_HINT,
        values={"first": first, "last": last},
    )


_HINT = "Find out who changed it. With the owner's key, 'rebond history --from-vault' shows what was sealed."
