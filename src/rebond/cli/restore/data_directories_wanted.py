"""Which data directories a restore means, and by what way each gets to its moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rebond.cli.snapshots.choosing import choose_moment, choose_snapshot
from rebond.cli.snapshots.named import refuse_moment
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.errors import TargetNotEmpty, UnknownName, UsageError

if TYPE_CHECKING:
    from rebond.operations.physical.targets import Target
    from rebond.operations.point_in_time import PlannedServer
    from rebond.vault.snapshots import SnapshotRecord


class Wanted(Struct, frozen=True, kw_only=True):
    """What a restore is to bring back: a snapshot, the components that are named, and the moment if one was.

    ``is_at`` says that the moment decides by itself: for each data directory the newest that reaches it is taken, and
    of all else the newest snapshot of ``until_ms`` or earlier, in milliseconds since 1970.
    """

    record: "SnapshotRecord"
    names: tuple[str, ...]
    target: "Target | None" = None
    is_at: bool = False
    until_ms: int | None = None


def choose_wanted(vault: VaultAtHand, words: Sequence[str], moment: str | None, *, stack: str) -> Wanted:
    """Return what the words of the command mean. Raises ``UsageError`` and ``UnknownName``.

    With a moment the first word is a snapshot only when it is no component.
    """
    if moment is None:
        return Wanted(record=choose_snapshot(vault, words[0], stack=stack), names=tuple(words[1:]))
    from rebond.operations.physical.targets import is_position, parse_target
    from rebond.operations.snapshots import list_snapshots

    records = list_snapshots(vault.live)
    try:
        target = parse_target(moment, now_ms=SystemClock().now_ms(), zone=vault.configured.zone)
    except UsageError as error:
        raise refuse_moment(error, moment, records) from None
    known = {each.name for record in records for each in record.catalog.components}
    if words and words[0].split("/")[0] not in known:
        try:
            record = choose_snapshot(vault, words[0], stack=stack)
        except UnknownName as error:
            raise UnknownName(
                "{word} is neither a component that was saved nor a snapshot.",
                hint="With --at the components are named. There are: {known}.",
                word=words[0],
                known=", ".join(sorted(known)),
            ) from error
        return Wanted(record=record, names=tuple(words[1:]), target=target)
    holding = _holding(records, words, stack or vault.configured.stack)
    if is_position(moment):
        record, until_ms = choose_snapshot(vault, "latest", stack=stack, records=holding), None
    else:
        record, until_ms = choose_moment(vault, moment, stack=stack, records=holding)
    return Wanted(record=record, names=tuple(words), target=target, is_at=True, until_ms=until_ms)


def _holding(records: "Sequence[SnapshotRecord]", words: Sequence[str], stack: str) -> "Sequence[SnapshotRecord]":
    """Return the snapshots of all that is named: a server that is saved alone is in no set. All, where none is."""
    names = {word.split("/")[0] for word in words}
    of_stack = [each for each in records if not stack or each.catalog.stack == stack]
    held = [each for each in of_stack if names <= {part.name for part in each.catalog.components if part.complete}]
    return held or records


def find_servers(vault: VaultAtHand, wanted: Wanted) -> list[str]:
    """Return which of the wanted components are data directories.

    Raises ``UsageError`` for a moment that only the log of one could tell, where there is none.
    """
    found: list[str] = []
    if any(each.kind == "postgres" for each in wanted.record.catalog.components):
        from rebond.operations.physical.bases import list_physical

        found = [each.component for each in list_physical(vault.live, wanted.record)]
    chosen = [each for each in found if not wanted.names or each in wanted.names]
    target = wanted.target
    if target is not None and not chosen and (not wanted.is_at or target.kind != "time"):
        if not wanted.is_at and target.kind == "time":
            raise UsageError(
                "A snapshot and --at name two moments, and nothing here was saved by the physical method.",
                hint="Leave one of them out: --at takes the newest snapshot before its moment.",
            )
        raise UsageError(
            "{moment} is known to a write-ahead log only, and nothing here was saved by the physical method.",
            hint="Name a snapshot, or a time with --at: the newest snapshot before it is taken.",
            moment=target.describe(vault.configured.zone),
        )
    return chosen


def plan_servers(vault: VaultAtHand, wanted: Wanted, names: Sequence[str], *, stack: str) -> "list[PlannedServer]":
    """Find the way to the moment for each; nothing is written. Raises ``WalGap`` when one cannot be reached."""
    from rebond.operations.physical.bases import find_base
    from rebond.operations.physical.targets import SET
    from rebond.operations.point_in_time import PlannedServer, find_reach, find_way, open_log

    zone = vault.configured.zone
    planned = []
    for name in names:
        if wanted.is_at and wanted.target is not None:
            of = stack or wanted.record.catalog.stack
            planned.append(find_way(vault.live, name, wanted.target, stack=of, zone=zone))
            continue
        base = find_base(vault.live, wanted.record, name)
        assert base is not None  # noqa: S101 - it is one of those found before
        log = open_log(vault.live, base)
        planned.append(PlannedServer(reach=find_reach(base, log, wanted.target or SET, zone=zone), log=log))
    return planned


def require_new(target: Path, names: Sequence[str], *, wants_nothing_else: bool) -> None:
    """Raise ``TargetNotEmpty`` unless what is to be laid down has its place for itself."""
    from rebond.operations.physical.laying import require_empty

    if wants_nothing_else and target.is_dir() and not target.joinpath("..").samefile(target):
        require_empty(target)
    for name in names:
        if (target / name).is_dir() and any((target / name).iterdir()):
            raise TargetNotEmpty(
                "{target} is not empty; nothing was written.",
                hint="Name an empty or new directory. A data directory is never restored over another one.",
                target=str(target / name),
            )
