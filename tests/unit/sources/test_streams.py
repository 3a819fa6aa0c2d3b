"""Streams in a vault: a bad one leaves nothing behind, and what a command may not do."""

import os
import pathlib
import time

import pytest
from tests.unit.operations.restored import RestoredVault, a_tree, below

from rebond.cli.backup.streaming import _take_once
from rebond.entries import Tree
from rebond.errors import CommandFailed, SourceError, SourceUnfit, UsageError
from rebond.operations.snapshots import list_snapshots
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import CommandReader, describe_failure
from rebond.sources.streams.shells import loses_failures, wrap_script, wrap_script_inside
from rebond.sources.streams.tree import StreamTree
from rebond.testing.stream_contract import read_all


class SpokenReader:
    """A reader of given words that ends as it is told to."""

    def __init__(self, content: bytes, fault: Exception | None) -> None:
        self._content = content
        self._fault = fault

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._content))
        buffer[:count] = self._content[:count]
        self._content = self._content[count:]
        return count

    def finish(self) -> None:
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        pass


def stream(content: bytes, fault: Exception | None = None) -> StreamTree:
    return StreamTree(b"dump", lambda: SpokenReader(content, fault), began_ns=1_000_000_000)


FAULT = CommandFailed("pg_dump failed.", hint="See why.")


@pytest.fixture
def place(tmp_path: pathlib.Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def test_a_stream_that_fails_at_its_end_makes_no_snapshot(place: RestoredVault) -> None:
    with pytest.raises(CommandFailed, match="pg_dump failed"):
        place.save(stream(b"x" * 200_000, FAULT), "database")

    assert list_snapshots(place.vault()) == []


def test_beside_others_it_is_left_out_of_a_partial_snapshot_and_of_nothing_else(place: RestoredVault) -> None:
    files = a_tree(20)
    trees: dict[str, Tree] = {"site": files, "database": stream(b"x" * 200_000, FAULT)}
    with pytest.raises(CommandFailed):
        place.save_all(trees)
    outcome = place.save_all({"database": stream(b"x" * 200_000, FAULT), "site": files}, allows_partial=True)
    place.restore(outcome.record)

    assert [(each.name, each.complete) for each in outcome.record.catalog.components] == [
        ("database", False),
        ("site", True),
    ]
    assert "pg_dump failed" in " ".join(finding.message for finding in outcome.findings)
    assert place.found() == below("site", files.copy())


def test_a_stream_after_a_bad_one_is_whole_though_it_shares_everything_with_it(place: RestoredVault) -> None:
    content = b"".join(b"%d\n" % number for number in range(200_000))
    for _ in range(2):
        with pytest.raises(CommandFailed):
            place.save(stream(content, FAULT), "database")
    record = place.save(stream(content), "database")
    place.restore(record)

    assert place.found() == {"database/dump": content}


def test_nothing_of_a_stream_is_taken_from_what_an_earlier_run_remembers(place: RestoredVault) -> None:
    first = place.save(stream(b"monday"), "database")
    second = place.save(stream(b"friday"), "database")
    place.restore(first, to="first")
    place.restore(second, to="second")

    assert place.found("first") == {"database/dump": b"monday"}
    assert place.found("second") == {"database/dump": b"friday"}


def test_standard_input_is_never_taken_for_empty_when_a_run_begins_again() -> None:
    take = _take_once()
    take()
    with pytest.raises(SourceError, match="read already"):
        take()


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/a", b"a\0b", b"x" * 256])
def test_a_name_that_would_lead_elsewhere_is_refused(name: bytes) -> None:
    with pytest.raises(UsageError):
        StreamTree(name, lambda: SpokenReader(b"", None), began_ns=0)


@pytest.mark.parametrize(
    ("expected", "size", "tail", "is_whole"),
    [
        (Expectation(), 1, b"x", True),
        (Expectation(), 0, b"", False),
        (Expectation(allows_empty=True), 0, b"", True),
        (Expectation(mark=b"end"), 9, b"the end\n\n", True),
        (Expectation(mark=b"end"), 9, b"the en", False),
        (Expectation(mark=b"end"), 0, b"", False),
        (Expectation(mark=b"end", allows_empty=True), 0, b"", True),
        (Expectation(mark=b"end", allows_empty=True), 1, b"x", False),
        (Expectation(size_bytes=3), 3, b"abc", True),
        (Expectation(size_bytes=3), 4, b"abcd", False),
        (Expectation(size_bytes=3, allows_empty=True), 0, b"", False),
        (Expectation(size_bytes=0), 0, b"", True),
        (Expectation(size_bytes=3, mark=b"z"), 3, b"abc", False),
    ],
)
def test_an_expectation_judges_size_and_end(expected: Expectation, size: int, tail: bytes, is_whole: bool) -> None:
    if is_whole:
        expected.judge("dump", size, tail)
    else:
        with pytest.raises(CommandFailed):
            expected.judge("dump", size, tail)


@pytest.mark.parametrize(
    ("words", "loses"),
    [
        (["pg_dump", "a|b"], False),
        (["sh", "-c", "pg_dump a"], False),
        (["sh", "-c", "pg_dump a || exit 3"], False),
        (["sh", "-c", "pg_dump a | gzip"], True),
        (["/bin/bash", "-c", "a || b | c"], True),
        (["bash", "-o", "pipefail", "-c", "a | b"], False),
        (["bash", "-c", "set -o pipefail; a | b"], False),
        (["bash", "-ec", "a"], False),
        (["sh", "-c"], False),
    ],
)
def test_a_pipeline_in_which_a_failure_goes_unseen_is_known(words: list[str], loses: bool) -> None:
    assert loses_failures(words) is loses


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [(3, "oops", "status 3.*oops"), (3, "", "said nothing"), (-9, "", "SIGKILL"), (-15, "a", "SIGTERM.*a")],
)
def test_how_a_command_ended_is_told(status: int, words: str, said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        raise describe_failure("pg_dump", status, words)


def output_of(words: tuple[str, ...], timeout_seconds: float | None = None) -> bytes:
    tree = StreamTree(
        b"dump", lambda: CommandReader(words, environment=os.environ, timeout_seconds=timeout_seconds), began_ns=0
    )
    contents = []
    for listing in tree.listings():
        try:
            contents.append(read_all(listing))
        except SourceError:
            continue
    return contents[0]


@pytest.mark.parametrize("script", ["echo one; echo two", "echo one | cat; echo two"])
def test_a_script_runs_and_its_pipelines_count(script: str) -> None:
    assert output_of(wrap_script(script, os.environ)) == b"one\ntwo\n"
    failing = "(echo one; exit 3) | cat"
    with pytest.raises(CommandFailed, match="status 3"):
        output_of(wrap_script(failing, os.environ))
    for failing_first in ("(exit 3); echo two", "(exit 3); echo two | cat"):
        with pytest.raises(CommandFailed, match="status 3"):
            output_of(wrap_script(failing_first, os.environ))
        with pytest.raises(CommandFailed, match="status 3"):
            output_of(wrap_script_inside(failing_first))
    with pytest.raises(SourceUnfit, match="bash"):
        wrap_script(failing, {"PATH": "/nowhere"})


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_script_inside_a_container_never_loses_the_failure_of_a_pipeline(shell: str) -> None:
    with pytest.raises(CommandFailed, match="status 3"):
        output_of((shell, *wrap_script_inside("(echo one; exit 3) | cat")[1:]))
    assert output_of((shell, *wrap_script_inside("echo \"a 'b'\" | cat")[1:])) == b"a 'b'\n"
    assert output_of((shell, *wrap_script_inside("echo a; false || echo b")[1:])) == b"a\nb\n"


def test_a_shell_that_cannot_tell_runs_no_pipeline(tmp_path: pathlib.Path) -> None:
    _, flag, script, pipeline = wrap_script_inside("echo a | cat")
    lame = script.replace("(set -o pipefail)", "(exit 2)")
    words = ("env", f"PATH={tmp_path}", "/bin/sh", flag, lame, pipeline)
    with pytest.raises(CommandFailed, match=r"status 122.*needs bash"):
        output_of(words)


@pytest.mark.parametrize("script", ["echo begun; sleep 50", "trap '' TERM; echo begun; while :; do sleep 0.05; done"])
def test_a_command_that_takes_too_long_is_ended_and_its_output_is_not_whole(script: str) -> None:
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"longer than 0\.2 s"):
        output_of(("sh", "-c", script), timeout_seconds=0.2)

    assert time.monotonic() - began < 20
    assert output_of(("echo", "a"), timeout_seconds=20) == b"a\n"
