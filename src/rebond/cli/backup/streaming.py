"""``backup --stdin`` and ``backup --command``: a stream as a component."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.grammar.verbs import option, words_option
from rebond.cli.output.closed_places import was_closed
from rebond.cli.snapshots.choosing import combine
from rebond.clock import SystemClock
from rebond.entries import Tree
from rebond.errors import SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.sources.streams.judging import MARK_WITHIN_BYTES, Expectation
from rebond.sources.streams.readers import CommandReader, DescriptorReader, StreamReader
from rebond.sources.streams.shells import loses_failures
from rebond.sources.streams.tree import StreamTree

if TYPE_CHECKING:
    from rebond.operations.components import ComponentToSave

_FOR_FILES = {
    "paths": "--path",
    "exclude": "--exclude",
    "exclude_from": "--exclude-from",
    "exclude_if_present": "--exclude-if-present",
    "larger_than": "--larger-than",
    "one_file_system": "--one-file-system",
    "gitignore": "--gitignore",
    "dry_run": "--dry-run",
    "reread": "--reread",
}

stream_to_save = combine(
    words_option("--stdin", "stdin", metavar="NAME", help="Save what comes on standard input, as a file of this name."),
    words_option(
        "--command",
        "command",
        metavar="NAME",
        help="Save what a command writes, as a file of this name; the command follows after --. No shell reads it. "
        "A command that fails makes no snapshot.",
    ),
    option(
        "--expect-end",
        metavar="TEXT",
        help="The stream is whole only when its last 1,024 bytes hold this, such as 'dump complete'.",
    ),
    option(
        "--expect-bytes", type=click.IntRange(min=0), metavar="N", help="The stream is whole only with so many bytes."
    ),
)


def wants_stream(wishes: Mapping[str, Any]) -> bool:
    """Say whether a stream is to be saved. Raises ``UsageError`` for options that ask for one without naming it."""
    if wishes["stdin"] is not None or wishes["command"] is not None:
        return True
    if wishes["expect_end"] is not None or wishes["expect_bytes"] is not None:
        raise UsageError(
            "--expect-end and --expect-bytes are about a stream.", hint="Add --stdin NAME or --command NAME -- CMD."
        )
    return False


def describe_stream(environment: Mapping[str, str], words: Sequence[str], wishes: Mapping[str, Any]) -> ComponentToSave:
    """Return the component for ``--stdin`` or ``--command``. Raises ``UsageError``."""
    if wishes["stdin"] is not None and wishes["command"] is not None:
        raise UsageError("--stdin and --command exclude each other.", hint="Make two snapshots.")
    for name, flag in _FOR_FILES.items():
        if wishes.get(name):
            raise UsageError(
                "{option} is about files, and a stream is to be saved.",
                hint="Leave it out, or save the files with a run of their own.",
                option=flag,
            )
    expected = _expectation(wishes)
    if wishes["command"] is not None:
        return _component(wishes["command"], "command", _command_opener(words, environment), expected)
    if words:
        raise UsageError("--stdin takes no command.", hint="Write: rebond backup --command NAME -- CMD.")
    if sys.stdin is None or was_closed(0):
        raise UsageError(
            "There is no standard input to save.", hint="Give it one: PROGRAM | rebond backup --stdin NAME."
        )
    return _component(wishes["stdin"], "stdin", _take_once(), expected)


def _expectation(wishes: Mapping[str, Any]) -> Expectation:
    mark = os.fsencode(wishes["expect_end"] or "")
    if wishes["expect_end"] is not None and not 0 < len(mark) <= MARK_WITHIN_BYTES // 2:
        raise UsageError(
            "--expect-end takes 1 to {count} bytes of text.",
            hint="Give something that only a whole stream ends with, such as 'dump complete'.",
            count=MARK_WITHIN_BYTES // 2,
        )
    return Expectation(mark=mark, size_bytes=wishes["expect_bytes"], allows_empty=wishes["allow_empty"])


def _component(name: str, kind: str, open_reader: Callable[[], StreamReader], expected: Expectation) -> ComponentToSave:
    def make_tree() -> StreamTree:
        return StreamTree(
            os.fsencode(name), open_reader, began_ns=SystemClock().now_ms() * 1_000_000, expected=expected
        )

    def open_tree(report: Callable[[Finding], None]) -> Tree:
        if kind == "stdin" and not expected.knows_the_end:
            report(_notice_unknown_end(name))
        return make_tree()

    make_tree()  # a name that cannot be used is told before anything is opened
    from rebond.operations.components import ComponentToSave

    return ComponentToSave(name=name, root=b"", open_tree=open_tree, kind=kind)


def _command_opener(words: Sequence[str], environment: Mapping[str, str]) -> Callable[[], StreamReader]:
    if not words:
        raise UsageError("No command was given.", hint="Write: rebond backup --command NAME -- CMD.")
    if loses_failures(words):
        raise UsageError(
            "Of a pipeline, {shell} tells the status of the last program only: another could fail unseen.",
            hint="Write: bash -o pipefail -c {script}",
            shell=words[0],
            script=shlex.quote(words[words.index("-c") + 1]),
        )
    return lambda: CommandReader(words, environment=environment)


def _take_once() -> Callable[[], StreamReader]:
    """Return an opener for standard input, which works once: a run that is begun again cannot have it again."""
    taken: list[bool] = []

    def take() -> StreamReader:
        if taken:
            raise SourceError(
                "Standard input was read already, and this run had to begin again.",
                hint="Run it again, with what writes the stream.",
            )
        taken.append(True)
        return DescriptorReader(0)

    return take


def _notice_unknown_end(name: str) -> Finding:
    return Finding(
        code="unknown-end",
        severity=Severity.NOTE,
        subject=name,
        template="Whether {name} is whole cannot be known: the program before the pipe may have failed.",
        hint_template="Use --command, or add --expect-end or --expect-bytes.",
        values={"name": name},
    )
