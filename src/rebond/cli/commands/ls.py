"""``rebond ls``: what a snapshot holds."""

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer_each
from rebond.cli.output.speech import show_path
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, stack_option
from rebond.cli.snapshots.entries_shown import located_document, long_line
from rebond.cli.vaults.opening import vault_at_hand


@verb(
    "ls",
    help="List what lies at PATH in a snapshot: COMPONENT/PATH, or a path as it was on the machine. Without PATH the "
    "components are listed.",
    example="rebond ls latest shop/media -l",
)
@click.argument("snapshot")
@click.argument("path", default="")
@option("-l", "--long", "is_long", is_flag=True, help="Mode, owner, size and time too.")
@option("-r", "--recursive", is_flag=True, help="Everything below too.")
@stack_option
@click.pass_obj
def ls(invocation: Invocation, snapshot: str, path: str, is_long: bool, recursive: bool, stack: str) -> None:
    """Answer as the tree is read: a snapshot may hold millions of files."""
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=("rebond.operations.browsing",)) as vault,
    ):
        from rebond.operations.browsing import list_entries
        from rebond.vault.reading import SnapshotReader

        record = choose_snapshot(vault, snapshot, stack=stack)
        with SnapshotReader(vault.live, record) as reader:
            found = list_entries(reader, path, recursive=recursive)
            answer_each(
                invocation,
                ((located_document(each), long_line(each) if is_long else show_path(each.shown)) for each in found),
            )
