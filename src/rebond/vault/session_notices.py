"""What a session notices of itself: what this host cannot remember, what it finds spoilt in the vault."""

from collections.abc import Collection
from pathlib import Path

from rebond.errors import RebondError, SourceError
from rebond.findings import Finding, Severity
from rebond.vault.packs import pack_name


def refuse_second_look(component: str, folder: Path) -> SourceError:
    """Return the error for a second look where the first one is not remembered."""
    return SourceError(
        "This machine could not remember the first look at {component}, so a second one cannot be joined to it.",
        hint="Free some space in {folder}, or set REBOND_CACHE_DIR, then run the backup again.",
        component=component,
        folder=str(folder),
    )


def notice_lost_cache(error: OSError) -> Finding:
    """Return the finding for a host that cannot remember what it saved."""
    return Finding(
        code="cache-lost",
        severity=Severity.NOTE,
        subject="cache",
        template="The snapshot stands, but this machine could not remember what it saved: {reason}",
        hint_template="Free some space where REBOND_CACHE_DIR says, else below ~/.cache; the next backup reads more "
        "and stores nothing twice.",
        values={"reason": error.strerror or str(error)},
    )


def notice_damaged_cache() -> Finding:
    """Return the finding for a host whose memory of the vault was damaged when what it saved was to be added."""
    return Finding(
        code="cache-lost",
        severity=Severity.NOTE,
        subject="cache",
        template="The snapshot stands, but what this machine remembers of the vault is damaged.",
        hint_template="The next run makes it anew from the vault. If this comes again, look after the disk that holds "
        "it; REBOND_CACHE_DIR names another place.",
    )


def notice_spoilt_packs(packs: Collection[bytes]) -> Finding:
    """Return the finding for packs that have not the size that was written: cut, or emptied by a power cut."""
    name = pack_name(min(packs))
    return Finding(
        code="packs-spoilt",
        severity=Severity.WARNING,
        subject=name,
        template="Of {count} packs in the vault the size is not the one that was written, first {name}; what is still "
        "there to be saved of what they held is stored again.",
        hint_template="Run 'rebond verify --read-data --repair' to see what else they held, and look after the disk.",
        values={"count": len(packs), "name": name},
    )


def notice_open_journal(error: RebondError) -> Finding:
    """Return the finding for a journal that could not be closed after a commit."""
    return Finding(
        code="journal-open",
        severity=Severity.NOTE,
        subject="session",
        template="The snapshot stands, but its journal could not be closed: {reason}",
        hint_template="Nothing is to be done: the next prune closes it.",
        values={"reason": error},
    )
