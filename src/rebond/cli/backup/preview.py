"""``backup --dry-run``: what would be saved, and what the rules leave out."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.tables import format_table
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.documents import describe_problems
from rebond.cli.witness import Watcher
from rebond.entries import EntryKind
from rebond.findings import Finding, Severity
from rebond.operations.components import ComponentToSave, Report
from rebond.operations.saving import Closeable
from rebond.progress import Advance
from rebond.sources.files.excluding import Rule
from rebond.sources.files.scanning import FileTree
from rebond.units import format_size


def preview_backup(invocation: Invocation, components: Sequence[ComponentToSave]) -> int:
    """Walk every component without opening a vault; return 3 when something could not be read.

    A server that would send all at once is only asked how much that is.
    """
    findings: list[Finding] = []
    with watching(invocation) as watcher:

        def notice(finding: Finding) -> None:
            findings.append(finding)
            watcher.noticed(finding)

        previews = [_look_at(component, notice, watcher) for component in components]
    problems = [each for each in findings if each.severity is not Severity.NOTE]
    document = {
        "components": [
            {
                "name": each.component,
                "files": each.files,
                "bytes": each.size_bytes,
                "left_out": {f"{rule.text}  ({rule.place})": count for rule, count in each.left_out.items()},
            }
            for each in previews
        ],
        "problems": [finding_document(each) for each in problems],
    }
    rows = [[each.component, *_show_amount(each)] for each in previews]
    text = format_table([tr("component"), tr("files"), tr("size")], rows, "<>>")
    left = [
        [f"{rule.text}  ({rule.place})", str(count)]
        for each in previews
        for rule, count in Counter(each.left_out).most_common()
    ]
    if left:
        text += "\n\n" + format_table([tr("left out by"), tr("things")], left, "<>")
    answer(invocation, document, with_problems(invocation, text, problems))
    if problems:
        note(invocation, describe_problems(problems))
    return DOUBTFUL if problems else GOOD


class _Preview(Struct, frozen=True):
    """What would be saved of a component; ``None`` is not known before it is read."""

    component: str
    files: int | None
    size_bytes: int | None
    left_out: Mapping[Rule, int]


def _look_at(component: ComponentToSave, notice: Report, watcher: Watcher) -> _Preview:
    if component.foresee is not None:
        foreseen = component.foresee()
        return _Preview(component.name, foreseen.files, foreseen.size_bytes, {})
    tree = component.open_tree(notice)
    with contextlib.closing(tree) if isinstance(tree, Closeable) else contextlib.nullcontext():
        files, size_bytes = 0, 0
        for listing in tree.listings():
            entries = (listing.describe(position) for position in range(len(listing.names)))
            sizes = [entry.size for entry in entries if entry is not None and entry.kind is EntryKind.FILE]
            files, size_bytes = files + len(sizes), size_bytes + sum(sizes)
            watcher.advanced(Advance(phase="looking", files=files, bytes=size_bytes))
    return _Preview(component.name, files, size_bytes, tree.left_out if isinstance(tree, FileTree) else {})


def _show_amount(preview: _Preview) -> list[str]:
    files, size_bytes = preview.files, preview.size_bytes
    return ["–" if files is None else str(files), "–" if size_bytes is None else format_size(size_bytes)]
