"""``rebond verify``: check that everything stored can be read back, and mend what can be mended."""

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from rebond.cli.checks.files import check_files, is_file
from rebond.cli.grammar.verbs import Later, later_option, option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, parse_shard
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.cli.vaults.opening import store_at_hand, vault_at_hand
from rebond.errors import UsageError
from rebond.findings import Severity
from rebond.operations.verify import VerifyOutcome, verify_without_key
from rebond.operations.verify import verify as verify_vault
from rebond.units import format_size, format_span, parse_span
from rebond.vault.damage_reach import DamagedObject, ReachedPath
from rebond.vault.repairing import RepairOutcome

SHOWN_PATHS = 100


@verb(
    "verify",
    help="Check the vault as deep as the key allows: with any key its structure, with the owner's every tree too; with "
    "--read-data every byte, or a share of it. Each damaged object is named with every path of every snapshot that it "
    "reaches, and the exit status is 4. Named SNAPSHOTs limit the check to what they need. A FILE (zip, 7z, tar, sql, "
    "dump, json, compressed or encrypted, of any maker; a folder of them; an object of a vault) is read to its end and "
    "compared with its own sums and FILE.sha256, without a vault.",
    example="rebond verify --read-data=10 --older-than 30d\nrebond verify backups/db_backup_20260204_030000.sql.gz",
)
@click.argument("names", nargs=-1, metavar="[SNAPSHOT|FILE]...")
@option(
    "--read-data",
    "percent",
    is_flag=False,
    flag_value=100.0,
    type=click.FloatRange(0, 100),
    metavar="[PERCENT]",
    help="Read this share of the content too, least recently read first; all of it without a number.",
)
@option("--older-than", metavar="AGE", help="Read only what was not read since then.")
@option("--repair", is_flag=True, help="Mend what can be mended. Only adds; deletes no content.")
@option("--shard", metavar="I/N", help="Check the I-th of N parts, 0 ≤ I < N, so that machines can share the work.")
@option("--class", "class_", default="", metavar="NAME", help="Check the newest snapshot of this class.")
@option("--scheduled", is_flag=True, help="For timers: check when it is due, and not in a pause.")
@option("--without-key", is_flag=True, help="Check what anybody can: names, sums and signatures of clear records.")
@later_option(
    Later(
        "--from",
        "Copy the damaged object out of the other vault, where it is whole, to its path in this one; verify again.",
    ),
    metavar="REPLICA",
)
@click.pass_obj
def verify(invocation: Invocation, /, names: Sequence[str], **wishes: Any) -> int:
    """Return 4 for damage, 3 for what deserves a look."""
    if names and any(map(is_file, names)):
        return check_files(invocation, names, wishes)
    if wishes["class_"]:
        names = (*names, f"latest:{wishes['class_']}")
    if wishes["scheduled"]:
        from rebond.cli.turns.taking import run_check_in_turn

        return run_check_in_turn(invocation, wishes["class_"], lambda: _verify(invocation, names, wishes))
    return _verify(invocation, names, wishes)


def _verify(invocation: Invocation, names: Sequence[str], wishes: dict[str, Any]) -> int:
    if wishes["without_key"]:
        return _verify_without_key(invocation, names, wishes)
    shard = parse_shard(wishes["shard"]) or (0, 1)
    age_seconds = parse_span(wishes["older_than"]) if wishes["older_than"] else None
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        chosen = {choose_snapshot(vault, name).snapshot for name in names}
        outcome = verify_vault(
            vault.live,
            snapshots=chosen or None,
            read_data_percent=wishes["percent"],
            older_than_seconds=age_seconds,
            repair=wishes["repair"],
            shard=shard,
            observer=watcher,
            state=invocation.state_folder / "verified",
            host=socket.gethostname(),
        )
    if wishes["repair"] and wishes["percent"] is None:
        note(
            invocation, tr("Only names, lists and records were looked at: damaged content takes --read-data --repair.")
        )
    return _show(invocation, outcome)


def _verify_without_key(invocation: Invocation, names: Sequence[str], wishes: dict[str, Any]) -> int:
    """Audit a store that one may read and not open, such as a replica at a provider's."""
    if names or wishes["repair"] or wishes["shard"] or wishes["older_than"] or wishes["percent"] not in {None, 100.0}:
        raise UsageError(
            "Without a key everything is checked, or nothing of the content.",
            hint="Of the other options, only --read-data without a number goes with --without-key.",
        )
    with watching(invocation) as watcher, store_at_hand(invocation) as store:
        outcome = verify_without_key(store, read_data=wishes["percent"] is not None, observer=watcher)
    return _show(invocation, outcome)


def _show(invocation: Invocation, outcome: VerifyOutcome) -> int:
    doubts = [each for each in outcome.findings if each.severity is Severity.WARNING]
    answer(invocation, _document(outcome), with_problems(invocation, "\n".join(_lines(outcome)), doubts))
    if not outcome.ok:
        return DAMAGED
    return DOUBTFUL if outcome.is_doubtful else GOOD


def _document(outcome: VerifyOutcome) -> dict[str, object]:
    repair = outcome.repair
    return {
        "ok": outcome.ok,
        "level": outcome.level.value,
        "checked_objects": outcome.checked_objects,
        "checked_bytes": outcome.checked_bytes,
        "read_packs": outcome.read_packs,
        "seconds": round(outcome.seconds, 3),
        "damage": [_damage_document(each) for each in outcome.damage],
        "findings": [finding_document(each) for each in outcome.findings],
        "repair": {**msgspec.structs.asdict(repair), "changed": repair.changed_anything} if repair else None,
    }


def _damage_document(damaged: DamagedObject) -> dict[str, object]:
    return {
        "object": damaged.name,
        "codes": list(damaged.codes),
        "snapshots": [each.hex() for each in damaged.snapshots],
        "paths": [
            {
                "path": os.fsdecode(_shown(each)),
                "component": each.component,
                "snapshots": [snapshot.hex() for snapshot in each.snapshots],
                "subtree": each.is_subtree,
            }
            for each in damaged.paths
        ],
        "unlisted_paths": damaged.unlisted_paths,
    }


def _shown(reached: ReachedPath) -> bytes:
    """Return COMPONENT/PATH, as every command takes it."""
    component = os.fsencode(reached.component)
    return component + b"/" + reached.path if reached.path else component


def _lines(outcome: VerifyOutcome) -> Iterator[str]:
    for damaged in outcome.damage:
        yield from _damage_lines(damaged)
    if outcome.repair:
        yield from _repair_lines(outcome.repair)
    values = {
        "objects": outcome.checked_objects,
        "size": format_size(outcome.checked_bytes),
        "packs": outcome.read_packs,
        "span": format_span(outcome.seconds),
    }
    if outcome.ok:
        yield tr(
            "No damage: {objects} objects checked, {size} read, {packs} packs to the last byte, in {span}.", **values
        )
    else:
        values["count"] = len(outcome.damage)
        yield tr(
            "DAMAGE in {count} objects; {objects} checked, {size} read, {packs} packs to the last byte, in {span}.",
            **values,
        )


def _damage_lines(damaged: DamagedObject) -> Iterator[str]:
    if not damaged.snapshots:
        yield tr("{name} reaches no snapshot.", name=damaged.name)
        return
    ids = ", ".join(each.hex()[:SHORT_ID] for each in damaged.snapshots)
    yield tr("{name} reaches the snapshots {ids}:", name=damaged.name, ids=ids)
    for each in damaged.paths[:SHOWN_PATHS]:
        yield f"  {show_path(_shown(each))}{'/…' if each.is_subtree else ''}"
    more = len(damaged.paths) - SHOWN_PATHS + damaged.unlisted_paths
    if more > 0:
        yield tr("  and {count} paths more; --json lists them.", count=more)


def _repair_lines(repair: RepairOutcome) -> Iterator[str]:
    if not repair.changed_anything:
        yield tr("Repair: nothing could be added.")
        return
    for words, count in (
        (tr("packs put back on a list"), len(repair.listed_packs)),
        (tr("segments copied to new packs"), repair.copied_segments),
        (tr("damaged packs marked: the next backup stores their content again"), len(repair.marked_packs)),
        (tr("damaged segments marked: the next backup stores their content again"), repair.marked_segments),
        (tr("vital objects and copies of them put right"), len(repair.put_back)),
        (tr("marks lifted: what they named is whole elsewhere"), len(repair.lifted_marks)),
    ):
        if count:
            yield tr("Repair: {words}: {count}.", words=words, count=count)
