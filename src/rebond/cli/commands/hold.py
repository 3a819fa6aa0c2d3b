"""``rebond hold`` and ``rebond unhold``: protect a snapshot from being forgotten, and lift that."""

import click

from rebond.cli.grammar.verbs import option, verb, words_option
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, stack_option
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.clock import SystemClock
from rebond.errors import UnknownName, UsageError
from rebond.history.callers import name_caller
from rebond.operations.snapshots import resolve_forgotten
from rebond.units import format_iso, format_moment, parse_last_moment
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.snapshots import SnapshotRecord


@verb(
    "hold",
    help="Protect a snapshot: 'rebond forget' drops it by no rule and no name. Takes the key of the owner or a keeper.",
    example="rebond hold latest --reason 'before the audit' --until 2030-01-01",
)
@click.argument("snapshot")
@words_option("--reason", required=True, metavar="TEXT", help="Why; shown in lists.")
@option("--until", metavar="DATE", help="Until the end of this day or moment; for ever without it.")
@stack_option
@click.pass_obj
def hold(invocation: Invocation, snapshot: str, reason: str, until: str | None, stack: str) -> None:
    """When this returns, nobody deletes it before the hold ends."""
    if not reason.strip():
        raise UsageError("A hold has a reason.", hint="Say why, for whoever wonders in a year: --reason TEXT.")
    now_ms = SystemClock().now_ms()
    until_ms = parse_last_moment(until, now_ms=now_ms) if until else None
    if until_ms is not None and until_ms <= now_ms:
        raise UsageError("{text} is over.", hint="Name a moment that is still to come.", text=until)
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        record, _ = _choose_anywhere(vault, snapshot, stack)
        hold_snapshot(vault.live, record, reason=reason, until_ms=until_ms, who=name_caller())
    document = {
        "snapshot": record.snapshot.hex(),
        "held": reason,
        "until": format_iso(until_ms) if until_ms is not None else None,
    }
    short = record.snapshot.hex()[:SHORT_ID]
    text = (
        tr("Snapshot {id} is held until {moment}.", id=short, moment=format_moment(until_ms))
        if until_ms is not None
        else tr("Snapshot {id} is held until 'rebond unhold {id}'.", id=short)
    )
    answer(invocation, document, text)


@verb(
    "unhold",
    help="Lift the protection of a snapshot, also one that it was made with.",
    example="rebond unhold latest --reason 'the audit is over'",
)
@click.argument("snapshot")
@words_option("--reason", default="", metavar="TEXT", help="Why; kept in the vault.")
@stack_option
@click.pass_obj
def unhold(invocation: Invocation, snapshot: str, reason: str, stack: str) -> None:
    """It stays until a rule or a name drops it."""
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        record, is_in_trash = _choose_anywhere(vault, snapshot, stack)
        release_snapshot(vault.live, record, reason=reason, who=name_caller())
    short = record.snapshot.hex()[:SHORT_ID]
    answer(
        invocation,
        {"snapshot": record.snapshot.hex(), "held": None},
        tr("Snapshot {id} is held no more. It lies in the trash, and the next prune may delete it.", id=short)
        if is_in_trash
        else tr("Snapshot {id} is held no more.", id=short),
    )


def _choose_anywhere(vault: VaultAtHand, text: str, stack: str) -> tuple[SnapshotRecord, bool]:
    """Return the snapshot that is meant, and whether it lies in the trash, where it is found by its id alone."""
    try:
        return choose_snapshot(vault, text, stack=stack), False
    except UnknownName:
        forgotten = resolve_forgotten(vault.live, text)
        if forgotten is None:
            raise
        return forgotten, True
