"""``rebond diff``: what changed between two snapshots, or since one."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial

import click

from rebond.cli.configuration.at_hand import find_own_configuration, list_places
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer_each, note
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, stack_option
from rebond.cli.vaults.left_out import leave_vaults_out
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.witness import Watcher
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.operations.diffing import Change, Difference, diff_live, diff_snapshots, list_not_compared
from rebond.operations.stored_rules import read_rules
from rebond.sources.files.excluding import Rules
from rebond.sources.files.paths import join_path
from rebond.sources.files.paths import show_path as show_source_path
from rebond.sources.files.scanning import FileTree
from rebond.units import format_size
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent, SnapshotRecord

_UNREAD = {"unreadable", "unreadable-directory"}


@verb(
    "diff",
    help="Compare two snapshots, or with --live one with what is there now: + added, - removed, M other content, "
    "U other owner, mode or time, T another kind, ? could not be looked at (the status is 3). --live compares sizes "
    "and times; it reads no content.",
    example="rebond diff latest:monday latest:tuesday",
)
@click.argument("before")
@click.argument("after", required=False)
@option("--live", is_flag=True, help="Compare with the places that the snapshot was made of.")
@stack_option
@click.pass_obj
def diff(invocation: Invocation, before: str, after: str | None, live: bool, stack: str) -> int:
    """One line for each difference, then a count on standard error. Return 3 where something could not be looked at."""
    if live == (after is not None):
        raise UsageError("Two things are compared.", hint="Name two snapshots, or one and --live.")
    counts: Counter[Change] = Counter()
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed, only_reads=True) as vault:
        first = choose_snapshot(vault, before, stack=stack)
        walk = _Walk(watcher)
        with SnapshotReader(vault.live, first) as old:
            if after is None:
                loaded = find_own_configuration(invocation, vault.configured, first.catalog.stack)
                _answer(invocation, _diff_with_now(first, old, loaded, walk), counts)
            else:
                second = choose_snapshot(vault, after, stack=stack)
                with SnapshotReader(vault.live, second) as new:
                    for name, record in list_not_compared(old, new):
                        walk.hear(_notice_left_out(name, record))
                    _answer(invocation, diff_snapshots(old, new), counts)
    note(invocation, _count_in_words(counts) or tr("Nothing differs."))
    return DOUBTFUL if walk.is_doubtful else GOOD


class _Walk:
    """What a walk through what is there now noticed, said as it concerns a comparison."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._unread: set[str] = set()
        self.is_doubtful = False

    def hear(self, finding: Finding) -> None:
        """Take one finding and pass it on."""
        if finding.code in _UNREAD:
            self._unread.add(finding.subject)
            finding = Finding(
                code=finding.code,
                severity=finding.severity,
                subject=finding.subject,
                template="{path} could not be looked at, and is not compared: {reason}",
                hint_template="Give this user the right to read it, or ask as one who has it.",
                values=finding.values,
            )
        self.is_doubtful = self.is_doubtful or finding.severity is Severity.WARNING
        self._watcher.noticed(finding)

    def is_unread(self, root: bytes, below: bytes) -> bool:
        """Say whether a path, or what it holds, could not be looked at."""
        return bool(self._unread) and show_source_path(join_path(root, below) if below else root) in self._unread


def _count_in_words(counts: Counter[Change]) -> str:
    words = {
        Change.ADDED: tr("added"),
        Change.REMOVED: tr("removed"),
        Change.CONTENT: tr("changed in content"),
        Change.METADATA: tr("changed in owner, mode or time"),
        Change.KIND: tr("of another kind"),
        Change.UNREAD: tr("not looked at"),
    }
    return ", ".join(f"{counts[change]} {word}" for change, word in words.items() if counts[change])


def _diff_with_now(
    record: SnapshotRecord, reader: SnapshotReader, loaded: Loaded | None, walk: _Walk
) -> Iterator[Difference]:
    kinds = {each.name: each.kind for each in record.catalog.components}
    for component in reader.components:
        if not component.root:
            walk.hear(_notice_no_place(component.name, kinds.get(component.name, "")))
            continue
        tree = _find_tree(record, reader, component, loaded, walk)
        yield from diff_live(reader, component, tree, is_unread=partial(walk.is_unread, component.root))


def _find_tree(
    record: SnapshotRecord,
    reader: SnapshotReader,
    component: PrivateComponent,
    loaded: Loaded | None,
    walk: _Walk,
) -> Tree:
    """Return the live tree by the rules of the configuration, or else by those that the snapshot was made with."""
    if loaded is not None:
        from rebond.stack.live_comparing import find_live_tree

        left_out = leave_vaults_out([each.address for each in list_places(loaded)])
        tree = find_live_tree(loaded, component.name, component.root, record.catalog.class_, left_out, walk.hear)
        if tree is not None:
            return tree
    stored = component.rules
    rules = read_rules(stored) if stored else Rules.from_flags(exclude=reader.part.exclusions)
    is_bounded = stored is not None and stored.one_file_system
    return FileTree(component.root, rules, one_file_system=is_bounded, report=walk.hear, allow_empty=True)


def _notice_no_place(component: str, kind: str) -> Finding:
    return Finding(
        code="no-place",
        severity=Severity.NOTE,
        subject=component,
        template="{component} ({kind}) is not compared: only files on this machine are.",
        values={"component": component, "kind": kind},
    )


def _notice_left_out(component: str, record: SnapshotRecord) -> Finding:
    return Finding(
        code="not-in-snapshot",
        severity=Severity.NOTE,
        subject=component,
        template="{component} is not compared: the snapshot {id} was made without it.",
        values={"component": component, "id": record.snapshot.hex()[:8]},
    )


def _answer(invocation: Invocation, differences: Iterator[Difference], counts: Counter[Change]) -> None:
    def shown() -> Iterator[tuple[dict[str, object], str]]:
        for each in differences:
            counts[each.change] += 1
            document: dict[str, object] = {
                "change": each.change.name.lower(),
                "path": os.fsdecode(each.path),
                "before_bytes": each.before_bytes,
                "after_bytes": each.after_bytes,
            }
            yield document, f"{each.change.value} {show_path(each.path)}{_growth(each)}"

    answer_each(invocation, shown())


def _growth(difference: Difference) -> str:
    if difference.before_bytes is None or difference.after_bytes is None or difference.change is Change.METADATA:
        return ""
    grown = difference.after_bytes - difference.before_bytes
    return f"  ({'+' if grown >= 0 else ''}{format_size(grown)})"
