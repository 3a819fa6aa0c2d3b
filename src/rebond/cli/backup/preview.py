"""``backup --dry-run``: what would be saved, and what the rules leave out."""

from collections import Counter
from collections.abc import Sequence

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.tables import format_table
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.documents import describe_problems
from rebond.entries import EntryKind
from rebond.findings import Finding, Severity
from rebond.operations.backup import ComponentToSave
from rebond.progress import Advance
from rebond.sources.files.scanning import FileTree
from rebond.units import format_size


def preview_backup(invocation: Invocation, components: Sequence[ComponentToSave]) -> int:
    """Walk every component without opening a vault; return 3 when something could not be read."""
    findings: list[Finding] = []
    previews = []
    with watching(invocation) as watcher:

        def notice(finding: Finding) -> None:
            findings.append(finding)
            watcher.noticed(finding)

        for component in components:
            tree = component.open_tree(notice)
            files, size = 0, 0
            for listing in tree.listings():
                entries = (listing.describe(position) for position in range(len(listing.names)))
                sizes = [entry.size for entry in entries if entry is not None and entry.kind is EntryKind.FILE]
                files, size = files + len(sizes), size + sum(sizes)
                watcher.advanced(Advance(phase="looking", files=files, bytes=size))
            left_out = Counter(
                {f"{rule.text}  ({rule.place})": count for rule, count in tree.left_out.items()}
                if isinstance(tree, FileTree)
                else {}
            )
            previews.append((component.name, files, size, left_out))
    problems = [each for each in findings if each.severity is not Severity.NOTE]
    document = {
        "components": [
            {"name": name, "files": files, "bytes": size, "left_out": dict(left_out)}
            for name, files, size, left_out in previews
        ],
        "problems": [finding_document(each) for each in problems],
    }
    rows = [[name, str(files), format_size(size)] for name, files, size, _ in previews]
    text = format_table([tr("component"), tr("files"), tr("size")], rows, "<>>")
    left = [[rule, str(count)] for _, _, _, left_out in previews for rule, count in left_out.most_common()]
    if left:
        text += "\n\n" + format_table([tr("left out by"), tr("things")], left, "<>")
    answer(invocation, document, with_problems(invocation, text, problems))
    if problems:
        note(invocation, describe_problems(problems))
    return DOUBTFUL if problems else GOOD
