"""``rebond explain``: is a path saved, by what rule not, and in which snapshots."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from rebond.cli.backup.explained import holders_document, rule_document, say_holders, say_left_out
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.keeping.expiring import foresee_ends
from rebond.cli.output.answering import answer, note
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import Size, combine
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.cli.witness import Watcher
from rebond.config.finding import find_configuration
from rebond.errors import RoleTooSmall, UnknownName, UsageError
from rebond.operations.browsing import descend, root_of
from rebond.operations.snapshots import list_snapshots
from rebond.operations.stored_rules import read_rules
from rebond.sources.files.excluding import Rules
from rebond.sources.files.explaining import Explanation
from rebond.sources.files.explaining import explain as explain_path
from rebond.units import format_iso, format_moment
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

if TYPE_CHECKING:
    from rebond.stack.file_trees import ConfiguredFiles

rules_to_apply = combine(
    option("--exclude", multiple=True, metavar="PATTERN", help="As for backup."),
    option("--exclude-from", multiple=True, metavar="FILE", help="As for backup."),
    option("--exclude-if-present", multiple=True, metavar="NAME", help="As for backup."),
    option("--larger-than", "larger_than_bytes", type=Size(), metavar="SIZE", help="As for backup."),
    option("--gitignore", is_flag=True, help="As for backup."),
)


class Known(Struct, kw_only=True):
    """What the vault knows of a path: where its component begins, what was excluded, who holds it and until when."""

    root: bytes | None = None
    rules: Rules = Rules()
    one_file_system: bool = False
    holders: tuple[SnapshotRecord, ...] = ()
    ends_ms: tuple[int, ...] = ()  # of those holders whose end can be foreseen

    @property
    def until_ms(self) -> int | None:
        """When the last of today's holders goes; ``None`` when one stays for ever, or nobody can tell."""
        return max(self.ends_ms) if self.ends_ms and len(self.ends_ms) == len(self.holders) else None


@verb(
    "explain",
    help="Say whether PATH is saved; if not, by which rule, and in which file and line it is written; and which "
    "snapshots hold it. Rules are those of the files on the way, of the configuration (else of the newest "
    "snapshot), and of the options given.",
    example="rebond explain ~/shop/var/today.log",
)
@click.argument("path", type=click.Path(path_type=Path, readable=False))
@option(
    "--path",
    "root",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="The directory that is backed up.",
)
@option("--one-file-system", is_flag=True, help="As for backup.")
@rules_to_apply
@click.pass_obj
def explain(invocation: Invocation, /, path: Path, root: Path | None, one_file_system: bool, **wishes: Any) -> None:
    """Without a vault, ``--path`` is enough."""
    wanted = os.path.abspath(os.fsencode(path.expanduser()))
    is_named = bool(invocation.vault or "REBOND_VAULT" in invocation.environment)
    walks = None
    if root is None and find_configuration(invocation.config, invocation.environment, Path.cwd()):
        from rebond.cli.backup.claimed import explain_claimed, find_walks

        if explain_claimed(invocation, str(path)):
            return
        walks = None if is_named else find_walks(invocation, wanted)
    known = Known()
    with watching(invocation) as watcher:
        if root is None or is_named:
            with vault_at_hand(invocation, watcher.noticed) as vault:
                known = _ask_vault(invocation, vault, wanted)
        if walks is not None:
            verdict = _explain_by_walks(walks, wanted, wishes, watcher, one_file_system=one_file_system)
            _show(invocation, wanted, verdict, known)
            return
        start = os.path.abspath(os.fsencode(root.expanduser())) if root else known.root
        if start is None:
            raise UsageError(
                "No snapshot holds a directory above {path}.",
                hint="Say with --path what is backed up.",
                path=os.fsdecode(wanted),
            )
        verdict = _explain(start, wanted, known, one_file_system, wishes, watcher)
    _show(invocation, wanted, verdict, known)


def _explain_by_walks(
    walks: Sequence["ConfiguredFiles"],
    wanted: bytes,
    wishes: dict[str, Any],
    watcher: Watcher,
    *,
    one_file_system: bool,
) -> Explanation | None:
    """Return the verdict of a component that saves the path, else of one that leaves it out; ``None`` without any."""
    given = Rules.from_flags(**wishes)
    found = []
    for each in walks:
        if wanted == each.root and not os.path.isdir(wanted):  # a component may be one file
            exists = os.path.lexists(wanted)
            return Explanation(path=b"", exists=exists, is_saved=True, rule=None, decided_at=b"", steps=())
        rules = _join(each.make_rules(watcher.noticed), given)
        below = wanted[len(each.root.rstrip(b"/")) + 1 :]
        found.append(
            explain_path(
                each.root,
                below,
                rules,
                one_file_system=each.one_file_system or one_file_system,
                report=watcher.noticed,
            )
        )
    return next((each for each in found if each.is_saved), found[0] if found else None)


def _join(configured: Rules, given: Rules) -> Rules:
    sizes = [each for each in (configured.larger_than_bytes, given.larger_than_bytes) if each is not None]
    return Rules(
        patterns=(*configured.patterns, *given.patterns),
        markers=configured.markers | given.markers,
        reads_gitignore=configured.reads_gitignore or given.reads_gitignore,
        larger_than_bytes=min(sizes, default=None),
    )


def _explain(
    root: bytes,
    wanted: bytes,
    known: Known,
    one_file_system: bool,
    wishes: dict[str, Any],
    watcher: Watcher,
) -> Explanation:
    if wanted != root and not wanted.startswith(root.rstrip(b"/") + b"/"):
        raise UsageError(
            "{path} does not lie below {root}.",
            hint="Say with --path what is backed up.",
            path=os.fsdecode(wanted),
            root=os.fsdecode(root),
        )
    rules = _join(known.rules, Rules.from_flags(**wishes))
    below = wanted[len(root.rstrip(b"/")) + 1 :]
    is_bounded = known.one_file_system or one_file_system
    return explain_path(root, below, rules, one_file_system=is_bounded, report=watcher.noticed)


def _ask_vault(invocation: Invocation, vault: VaultAtHand, wanted: bytes) -> Known:
    """Look for the path in every snapshot; a writer's key may not, and that is said."""
    known = Known()
    holders: list[SnapshotRecord] = []
    listed = list_snapshots(vault.live)
    try:
        for record in listed:
            with SnapshotReader(vault.live, record) as reader:
                for component in reader.components:
                    root = component.root.rstrip(b"/")
                    if not component.root or not (wanted == root or wanted.startswith(root + b"/")):
                        continue
                    known.root, stored = component.root, component.rules
                    known.rules = read_rules(stored) if stored else Rules.from_flags(exclude=reader.part.exclusions)
                    known.one_file_system = stored is not None and stored.one_file_system
                    try:
                        descend(reader, root_of(component), wanted[len(root) + 1 :])
                    except UnknownName:
                        continue
                    if record not in holders[-1:]:  # several components may hold it
                        holders.append(record)
    except RoleTooSmall:
        note(invocation, tr("This key cannot look into snapshots; only rules are explained."))
    known.holders = tuple(holders)
    ends = foresee_ends(invocation, vault, listed)
    known.ends_ms = tuple(ends[each.name] for each in holders if each.name in ends)
    return known


def _show(invocation: Invocation, wanted: bytes, verdict: Explanation | None, known: Known) -> None:
    """Show the verdict; ``None`` is that of a configuration none of whose components reaches the path."""
    rule = verdict.rule if verdict else None
    exists = verdict.exists if verdict else os.path.lexists(wanted)
    document = {
        "path": os.fsdecode(wanted),
        "exists": exists,
        "saved": verdict is not None and verdict.is_saved,
        "rule": rule_document(rule),
        "decided_at": os.fsdecode(verdict.decided_at if verdict else wanted),
        "snapshots": holders_document(known.holders),
        "until": format_iso(known.until_ms) if known.until_ms is not None else None,
    }
    path = show_path(wanted)
    if verdict is None:
        lines = [tr("{path} is not saved: no component of the configuration reaches it.", path=path)]
    elif rule is None:
        assert verdict.is_saved  # noqa: S101 - nothing is left out without a rule
        lines = [tr("{path} is saved: no rule leaves it out.", path=path)]
    elif verdict.is_saved:
        lines = [tr("{path} is saved: {rule} keeps it ({place}).", path=path, rule=rule.text, place=rule.place)]
    else:
        lines = [say_left_out(path, rule, verdict.decided_at)]
    if not exists:
        lines.append(tr("It is not there now."))
    if known.holders or known.root is not None:
        lines.append(say_holders(known.holders))
    if known.until_ms is not None:
        lines.append(
            tr(
                "As configured, the last of these goes on {until}; newer ones keep it as long as it is there.",
                until=format_moment(known.until_ms),
            )
        )
    answer(invocation, document, "\n".join(lines))
