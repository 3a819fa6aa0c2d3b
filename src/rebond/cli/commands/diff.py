"""``rebond diff``: what changed between two snapshots, or since one."""

import os
from collections import Counter
from collections.abc import Iterator

import click

from rebond.cli.answering import answer_each, note
from rebond.cli.choosing import choose_snapshot, stack_option
from rebond.cli.frame import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.opening import vault_at_hand
from rebond.cli.speech import show_path, tr
from rebond.cli.watching import watching
from rebond.cli.witness import Watcher
from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.operations.diffing import Change, Difference, diff_live, diff_snapshots
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.units import format_size
from rebond.vault.reading import SnapshotReader


@verb(
    "diff",
    help="Compare two snapshots, or with --live one with what is there now: + added, - removed, M other content, "
    "U other owner, mode or time, T another kind. --live compares sizes and times; it reads no content.",
    example="rebond diff latest:monday latest:tuesday",
)
@click.argument("before")
@click.argument("after", required=False)
@option("--live", is_flag=True, help="Compare with the places that the snapshot was made of.")
@stack_option
@click.pass_obj
def diff(invocation: Invocation, before: str, after: str | None, live: bool, stack: str) -> None:
    """One line for each difference, then a count on standard error."""
    if live == (after is not None):
        raise UsageError("Two things are compared.", hint="Name two snapshots, or one and --live.")
    counts: Counter[Change] = Counter()
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed, only_reads=True) as vault:
        first = choose_snapshot(vault, before, stack=stack)
        with SnapshotReader(vault.live, first) as old:
            if after is None:
                _answer(invocation, _diff_with_now(old, watcher), counts)
            else:
                second = choose_snapshot(vault, after, stack=stack)
                with SnapshotReader(vault.live, second) as new:
                    _answer(invocation, diff_snapshots(old, new), counts)
    note(invocation, _count_in_words(counts) or tr("Nothing differs."))


def _count_in_words(counts: Counter[Change]) -> str:
    words = {
        Change.ADDED: tr("added"),
        Change.REMOVED: tr("removed"),
        Change.CONTENT: tr("changed in content"),
        Change.METADATA: tr("changed in owner, mode or time"),
        Change.KIND: tr("of another kind"),
    }
    return ", ".join(f"{counts[change]} {word}" for change, word in words.items() if counts[change])


def _diff_with_now(reader: SnapshotReader, watcher: Watcher) -> Iterator[Difference]:
    for component in reader.components:
        if not component.root:
            watcher.noticed(_notice_no_place(component.name))
            continue
        tree = FileTree(component.root, Rules(), one_file_system=False, report=watcher.noticed, allow_empty=True)
        yield from diff_live(reader, component, tree)


def _notice_no_place(component: str) -> Finding:
    return Finding(
        code="no-place",
        severity=Severity.NOTE,
        subject=component,
        template="{component} has no place on this machine to compare it with.",
        values={"component": component},
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
