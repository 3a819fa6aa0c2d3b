"""Looking for vaults below an address."""

import os
import pathlib

import obstore
import pytest
from obstore.store import S3Store
from tests.unit.store.test_s3_server import client, server  # noqa: F401 - fixtures

from rebond.errors import AccessDenied, StoreError, StoreUnreachable, UsageError
from rebond.store.places import find_places
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server


def look(url: str, depth: int = 2) -> list[str]:
    unread: list[StoreError] = []
    found = [each.address for each in find_places(url, "vault.json", depth=depth, report=unread.append)]
    assert unread == []
    return found


def plant(root: pathlib.Path, *paths: str) -> None:
    for each in paths:
        (root / each).parent.mkdir(parents=True, exist_ok=True)
        (root / each).write_text("{}")


def test_folders_that_hold_it_are_found_to_a_depth_and_nothing_inside_of_them(tmp_path: pathlib.Path) -> None:
    plant(tmp_path, "b/vault.json", "b/packs/vault.json", "a/c/vault.json", "a/c/d/e/vault.json", "x/y/z/vault.json")
    (tmp_path / "again").symlink_to(tmp_path / "b")
    (tmp_path / "vault.json").mkdir()  # a directory is no object
    assert look(str(tmp_path)) == [str(tmp_path / "a/c"), str(tmp_path / "b")]
    assert look(f"file://{tmp_path}", depth=3)[-1] == str(tmp_path / "x/y/z")
    assert look(str(tmp_path / "b"), depth=0) == [str(tmp_path / "b")]
    assert look(str(tmp_path), depth=0) == []


def test_what_cannot_be_listed_is_reported_and_the_rest_is_found(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a/vault.json", "locked/vault.json", "z/vault.json")
    scan = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("/locked"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    unread: list[StoreError] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        places = list(find_places(str(tmp_path), "vault.json", depth=1, report=unread.append))
    assert [each.address for each in places] == [str(tmp_path / "a"), str(tmp_path / "z")]
    assert [type(each) for each in unread] == [AccessDenied]


def test_a_directory_that_is_not_there_and_an_address_of_another_kind_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StoreUnreachable):
        look(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError):
        look("memory://here")


def test_a_bucket_is_looked_through_folder_by_folder(
    server: S3Server,  # noqa: F811
    client: S3Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("one/vault.json", "one/packs/ab/1", "hosts/two/vault.json", "else/file"):
        obstore.put(client, name, b"{}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    end = f"?endpoint={server.endpoint}&region=us-east-1"
    assert look(f"s3://bucket{end}") == [f"s3://bucket/hosts/two{end}", f"s3://bucket/one{end}"]
    assert look(f"s3://bucket/hosts{end}") == [f"s3://bucket/hosts/two{end}"]
    assert look(f"s3://bucket/one{end}", depth=0) == [f"s3://bucket/one{end}"]


def test_a_page_that_stands_before_a_bucket_is_no_empty_bucket(
    server: S3Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    url = f"s3://bucket?endpoint={server.endpoint}&region=us-east-1"
    assert look(url) == [], "an empty one is listed as such"
    server.faults.append(Fault(status=200, content=b"<html><body>Who are you?</body></html>", times=99))

    with pytest.raises(StoreUnreachable) as caught:
        look(url)
    assert "login" in caught.value.hint


def test_a_single_page_that_is_no_list_hides_no_vault(
    server: S3Server,  # noqa: F811
    client: S3Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    obstore.put(client, "one/vault.json", b"{}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    server.faults.append(Fault(method="GET", query="list-type", status=200, content=b"<html></html>"))

    assert len(look(f"s3://bucket?endpoint={server.endpoint}&region=us-east-1")) == 1
