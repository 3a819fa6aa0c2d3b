"""``rebond cat``: one file of a snapshot to standard output."""

import sys

import click

from rebond.cli.grammar.verbs import verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.standard_output import flush, write
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, stack_option
from rebond.cli.snapshots.entries_shown import located_document
from rebond.cli.vaults.opening import vault_at_hand


@verb(
    "cat",
    help="Write one file of a snapshot to standard output. With --json its description goes to standard error.",
    example="rebond cat latest shop/.env",
)
@click.argument("snapshot")
@click.argument("path")
@stack_option
@click.pass_obj
def cat(invocation: Invocation, snapshot: str, path: str, stack: str) -> None:
    """Nothing is written before the file was found."""
    invocation.has_answered = True  # standard output is for the file's bytes alone: a failure would be taken for them
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=("rebond.operations.browsing",)) as vault,
    ):
        from rebond.operations.browsing import locate, read_file
        from rebond.vault.reading import SnapshotReader

        record = choose_snapshot(vault, snapshot, stack=stack)
        with SnapshotReader(vault.live, record) as reader:
            for piece in read_file(reader, path):
                write(piece)
            flush()
            if invocation.wants_json:
                import json

                document = {"snapshot": record.snapshot.hex(), **located_document(locate(reader, path))}
                sys.stderr.write(json.dumps(document) + "\n")
