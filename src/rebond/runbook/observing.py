"""What of a checklist can be answered by looking. Everything that is looked at is handed in, so an answer is pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from rebond.config.model import Configuration
from rebond.pages.words import Text, say
from rebond.runbook.facts import HistoryFacts, VaultFacts

DAY_MS = 86_400_000
LATE_MS = 3_600_000  # how long after its hour a run may still be under way
LEAST_FREE_SHARE = 0.1
LEAST_FREE_BYTES = 1_000_000_000
GOOD_STATUSES = frozenset({0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one question: yes, no, or nobody can tell by looking. ``note`` says what was seen."""

    is_ticked: bool | None
    note: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A place with room. ``mode`` is that of its folder."""

    path: str
    free_bytes: int
    total_bytes: int
    mode: int = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Everything that is looked at.

    ``advice`` are what the doctor found to mend, by the name of its check; ``due_ms`` when the next run after the last
    backup was due, ``None`` where none is foreseen; ``missed`` whose objectives are missed now. Times are milliseconds
    since 1970, UTC.
    """

    configuration: Configuration
    history: HistoryFacts
    vault: VaultFacts
    now_ms: int
    zone: tzinfo
    advice: Mapping[str, Sequence[str]] = field(default_factory=dict)
    was_examined: bool = False
    missed: Sequence[str] | None = None
    running: Sequence[str] = ()
    holder: str = ""
    pause: str = ""
    window_ends_ms: int | None = None
    recorded_ms: int | None = None
    due_ms: int | None = None
    unattended_ms: int | None = None
    disks: Sequence[Disk] = ()
    vault_folders: Sequence[Disk] = ()
    load: float = 0.0
    processors: int = 1
    memory_share: float | None = None
    log_errors: int | None = None
    ledger_faults: int | None = None
    runbook_ms: int | None = None
    media: int = 0
    sites: int = 0
    copies: int = 0
    sends_notices: bool = False


Look = Callable[[Sight], Seen]
UNKNOWN = Seen(is_ticked=None)


def judge_advice(sight: Sight, *checks: str) -> Seen:
    """Answer by what the doctor found in some of its checks."""
    if not sight.was_examined:
        return UNKNOWN
    found = [each for check in checks for each in sight.advice.get(check, ())]
    if not found:
        return Seen(is_ticked=True)
    if len(found) == 1:
        return Seen(is_ticked=False, note=found[0])
    return Seen(is_ticked=False, note=say("{first} And {count} more.", first=found[0], count=len(found) - 1))


def judge_room(disks: Sequence[Disk]) -> Seen:
    """Answer whether there is room: more than a tenth, and more than 1 GB."""
    if not disks:
        return UNKNOWN
    tight = [each for each in disks if not has_room(each)]
    shown = tight[0] if tight else min(disks, key=lambda each: each.free_bytes / max(each.total_bytes, 1))
    share = round(100 * shown.free_bytes / max(shown.total_bytes, 1))
    return Seen(is_ticked=not tight, note=say("{path}: {share} % free", path=shown.path, share=share))


def has_room(disk: Disk) -> bool:
    """Say whether a disk has more than a tenth and more than 1 GB free."""
    return disk.free_bytes > LEAST_FREE_BYTES and disk.free_bytes > LEAST_FREE_SHARE * disk.total_bytes
