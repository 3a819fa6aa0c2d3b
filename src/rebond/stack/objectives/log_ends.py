"""How far the write-ahead log of each component reaches: with one, what would be lost is what came after its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import ConfigError, RebondError, SourceError
from rebond.findings import Finding, Severity
from rebond.operations.physical.estimating import estimate_stretch, find_system_id
from rebond.operations.physical.stretches import Stretch, find_stretches
from rebond.operations.wal.ledger import read_notes
from rebond.sources.postgres.wal_facts import WalFacts
from rebond.stack.wal import ask_server
from rebond.stack.wal_places import find_wal_components
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

_SLACK_BYTES = 64  # the header of a page that was begun, or zeros at the end of a record
AskServer = Callable[[str, Postgres, Loaded], WalFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """One component. ``until_ms`` is the last moment that can be reached; ``None`` where that could not be told.

    ``finding`` says why. ``is_estimate`` says that it is when the store took the last of the log, because this key may
    not read what is in it; ``is_idle`` that the server itself said that it has written nothing since.
    """

    component: str
    until_ms: int | None
    stretches: tuple[Stretch, ...] = ()
    is_estimate: bool = False
    is_idle: bool = False
    finding: Finding | None = None

    def lost_seconds(self, now_ms: int) -> float | None:
        """Return how much work would be lost if all were lost now; ``None`` where the log says nothing of that."""
        if self.is_idle:
            return 0.0
        return None if self.until_ms is None else max(0, now_ms - self.until_ms) / 1000


def find_log_ends(
    vault: Vault,
    loaded: Loaded,
    records: Sequence[SnapshotRecord],
    folder: Path,
    now_ms: int,
    *,
    ask: AskServer | None = ask_server,
) -> dict[str, LogEnd]:
    """Return how far the log of each component reaches, by its name. ``folder`` is the stack's own in the state folder.

    Where more time has passed since than is promised, ``ask`` tells what the server has written meanwhile: one that
    nobody uses writes nothing, and loses nothing. Without ``ask`` no server is asked.
    """
    found = {}
    for name, component in find_wal_components(loaded).items():
        end = _find_end(vault, name, records, folder)
        lost = end.lost_seconds(now_ms)
        if ask is not None and component.rpo is not None and lost is not None and lost > component.rpo:
            end = _ask_whether_idle(end, ask, component, loaded)
        found[name] = end
    return found


def _find_end(vault: Vault, name: str, records: Sequence[SnapshotRecord], folder: Path) -> LogEnd:
    try:
        if vault.can_read():
            stretches = tuple(find_stretches(vault, name, records))
        else:
            system_id = read_notes(folder / "wal" / f"{name}.json").system_id or find_system_id(records, name)
            guessed = estimate_stretch(vault, name, records, system_id) if system_id else None
            stretches = () if guessed is None else (guessed,)
    except RebondError as error:
        return LogEnd(component=name, until_ms=None, finding=_say_unknown(name, error))
    current = next((each for each in stretches if each.is_current), None)
    return LogEnd(
        component=name,
        until_ms=current.until_ms if current is not None else None,
        stretches=stretches,
        is_estimate=current is not None and current.is_estimate,
    )


def _ask_whether_idle(end: LogEnd, ask: AskServer, component: Postgres, loaded: Loaded) -> LogEnd:
    current = next(each for each in end.stretches if each.is_current)
    try:
        facts = ask(end.component, component, loaded)
    except (SourceError, ConfigError):  # a server that is gone cannot say that it wrote nothing
        return end
    is_written = facts.position > current.end_lsn + _SLACK_BYTES and not _is_next(facts.next_xid, current.last_xid)
    if facts.timeline != current.timeline or not facts.position or is_written:
        return end
    return LogEnd(
        component=end.component,
        until_ms=end.until_ms,
        stretches=end.stretches,
        is_estimate=end.is_estimate,
        is_idle=True,
    )


def _is_next(xid: int, last: int) -> bool:
    """Say whether no transaction began since: a server writes a little into its log also when nobody uses it."""
    return last > 0 and (xid - last) % (1 << 32) <= 1


def _say_unknown(name: str, error: RebondError) -> Finding:
    return Finding(
        code="log-not-looked-at",
        severity=Severity.WARNING,
        subject=name,
        template="How far the write-ahead log of {component} reaches could not be told: {reason}",
        hint_template="See 'rebond wal status' and 'rebond verify'.",
        values={"component": name, "reason": error},
    )
