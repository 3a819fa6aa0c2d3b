"""Archives that tar itself writes here: all that it says is heard, whatever it is given."""

import os
import pathlib
import socket

import pytest

from rebond.errors import CommandFailed, SourceError, SourceUnreachable
from rebond.findings import Finding, Severity
from rebond.sources.streams.readers import CommandReader
from rebond.sources.tar.spooling import Spool, take_archive, wrap_tar
from rebond.sources.tar.tree import list_documents

Folder = pathlib.Path


def take(path: Folder, heard: list[Finding], *names: bytes, in_memory: bool = False, **environment: str) -> Spool:
    words = wrap_tar(os.fsencode(path), names or (b".",))
    surroundings = {**os.environ, **environment}
    return take_archive(
        lambda: CommandReader(words, environment=surroundings), place="there", in_memory=in_memory, report=heard.append
    )


def test_files_of_a_directory_and_a_single_file_come(tmp_path: Folder) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "-odd name\n").write_text("x")
    heard: list[Finding] = []
    for path, names in ((tmp_path, {b"sub/-odd name\n"}), (tmp_path / "sub" / "-odd name\n", {b"-odd name\n"})):
        for in_memory in (False, True):
            spool = take(path, heard, in_memory=in_memory)
            assert set(list_documents(spool)) == names
            spool.close()
    assert heard == []


def test_a_socket_is_noted_and_what_is_missing_is_a_warning(tmp_path: Folder) -> None:
    (tmp_path / "file").write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        heard: list[Finding] = []
        take(tmp_path, heard).close()
    assert [(each.severity, "socket ignored" in each.message) for each in heard] == [(Severity.NOTE, True)]
    heard.clear()
    take(tmp_path, heard, b"./file", b"./gone").close()
    assert [each.severity for each in heard] == [Severity.WARNING]
    assert "gone" in heard[0].message


def test_nothing_there_no_tar_and_too_much_for_memory_are_errors(
    tmp_path: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceUnreachable, match="nothing to save at there"):
        take(tmp_path / "gone", [])
    (tmp_path / "bin").mkdir()
    for name in ("sh", "printf"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    with pytest.raises(CommandFailed, match="tar cannot be run for there"):
        take(tmp_path, [], PATH=str(tmp_path / "bin"))
    (tmp_path / "large").write_bytes(bytes(100_000))
    monkeypatch.setattr("rebond.sources.tar.spooling.MEMORY_BYTES", 50_000)
    with pytest.raises(CommandFailed, match="too much for secrets"):
        take(tmp_path, [], in_memory=True)
    take(tmp_path, []).close()


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", refuse)
    with pytest.raises(SourceError, match="No space left") as caught:
        take(tmp_path, [])
    assert "TMPDIR" in caught.value.hint


def test_nothing_is_left_in_the_temporary_place(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "place").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "place"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("x")
    spool = take(tmp_path / "data", [])

    assert os.listdir(tmp_path / "place") == []
    assert list_documents(spool)[b"file"].content == b"x"
    spool.close()


def test_a_program_that_falls_silent_is_ended(tmp_path: Folder) -> None:
    reader = CommandReader(["sh", "-c", "echo begun; sleep 60"], environment=os.environ, idle_seconds=0.2)
    block = memoryview(bytearray(100))
    assert reader.readinto(block) == 6
    with pytest.raises(CommandFailed, match="wrote nothing for 0 s"):
        reader.readinto(block)
    reader.close()
