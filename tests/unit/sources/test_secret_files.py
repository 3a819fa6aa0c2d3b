"""Key files, read into memory: what is read, what is told, what is refused."""

import os
import pathlib

import pytest

from rebond.errors import SourceUnfit
from rebond.findings import Finding
from rebond.sources.secrets import files
from rebond.sources.secrets.files import SecretFiles

Folder = pathlib.Path


def read(folder: Folder, *paths: str) -> tuple[dict[bytes, bytes], list[str]]:
    heard: list[Finding] = []
    found = SecretFiles(os.fsencode(folder), heard.append).read(map(os.fsencode, paths))
    return {path: each.content for path, each in found.items()}, [each.code for each in heard]


def test_files_links_and_directories_are_read(tmp_path: Folder) -> None:
    (tmp_path / "keys" / "deep").mkdir(parents=True)
    (tmp_path / "keys" / "deep" / "id").write_text("one")
    (tmp_path / "link").symlink_to("keys/deep/id")

    assert read(tmp_path, "keys", "link") == ({b"keys/deep/id": b"one", b"link": b"one"}, [])


def test_what_cannot_be_read_is_told(tmp_path: Folder) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "again").symlink_to(".")
    (tmp_path / "keys" / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "keys" / "pipe")
    (tmp_path / "keys" / "good").write_text("x")
    found, codes = read(tmp_path, "keys")

    assert found == {b"keys/good": b"x"}
    assert sorted(codes) == ["not-entered", "unreadable", "unreadable"]


def test_a_file_that_never_stands_still_is_told(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    real = os.read

    def grow(fd: int, size: int) -> bytes:
        with path.open("a") as file:
            file.write("y")
        return real(fd, size)

    monkeypatch.setattr("os.read", grow)
    found, codes = read(tmp_path, "f")
    assert list(found) == [b"f"]
    assert codes == ["changed"]


def test_what_is_too_much_for_secrets_is_refused(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    (tmp_path / "a").write_bytes(bytes(60))
    (tmp_path / "b").write_bytes(bytes(60))
    with pytest.raises(SourceUnfit, match="too much for secrets"):
        read(tmp_path, "a", "b")


def test_a_document_does_not_show_its_content(tmp_path: Folder) -> None:
    (tmp_path / "f").write_text("s3cr3t")
    found = SecretFiles(os.fsencode(tmp_path), print).read([b"f"])
    assert "s3cr3t" not in repr(found)
