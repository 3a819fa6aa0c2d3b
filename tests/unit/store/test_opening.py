"""From addresses to stores, and what is said of addresses that cannot be meant."""

import pathlib
import sys

import pytest

from rebond.errors import MissingExtra, StoreUnreachable, UsageError
from rebond.store.cloud_address import (
    is_same_cloud_place,
    parse_cloud_address,
    with_options_of,
    with_storage_class,
)
from rebond.store.cloud_clients import read_aws_profile
from rebond.store.local import LocalStore
from rebond.store.memory import MemoryStore
from rebond.store.opening import open_store
from rebond.store.retrying import RetryingStore


def test_a_path_opens_a_directory(tmp_path: pathlib.Path) -> None:
    store = open_store(str(tmp_path))

    assert isinstance(store, LocalStore)
    assert store.location == str(tmp_path)


def test_a_file_address_opens_a_directory(tmp_path: pathlib.Path) -> None:
    (tmp_path / "with space").mkdir()

    assert open_store(f"file://{tmp_path}/with%20space").location == str(tmp_path / "with space")
    assert open_store(f"file://localhost{tmp_path}").location == str(tmp_path)


def test_a_relative_path_and_a_home_are_understood(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vault").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert open_store("vault").location == str(tmp_path / "vault")
    assert open_store("~/vault").location == str(tmp_path / "vault")


def test_a_missing_directory_is_made_only_on_request(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StoreUnreachable):
        open_store(str(tmp_path / "vault"))
    assert not (tmp_path / "vault").exists()
    open_store(str(tmp_path / "vault"), create=True)
    assert (tmp_path / "vault").is_dir()


def test_named_memory_is_shared_and_unnamed_is_not() -> None:
    assert open_store("memory://shared") is open_store("memory://shared")
    assert open_store("memory://shared") is not open_store("memory://other")
    assert open_store("memory://") is not open_store("memory://")
    assert isinstance(open_store("memory://"), MemoryStore)


def test_cloud_stores_repeat_what_may_pass() -> None:
    store = open_store("s3://bucket/prefix?region=eu-west-3&storage_class=STANDARD_IA")

    assert isinstance(store, RetryingStore)
    assert store.location == "s3://bucket/prefix"
    assert store.traits.latency


def test_every_part_of_an_address_is_read() -> None:
    address = parse_cloud_address(
        "s3://bucket/a/b/?endpoint=https://minio.example:9000/&region=r&storage_class=GLACIER_IR"
        "&addressing=virtual&conditional_create=no"
    )

    assert (address.bucket, address.prefix, address.endpoint) == ("bucket", "a/b", "https://minio.example:9000")
    assert (address.region, address.storage_class) == ("r", "GLACIER_IR")
    assert address.is_virtual_hosted
    assert not address.creates_conditionally
    assert parse_cloud_address("gcs://b").scheme == "gs"
    assert parse_cloud_address("azure://b/p?account=acme").account == "acme"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("s4://bucket", "s3://"),
        ("fille:///x", "file://"),
        ("http://host/x", "s3://"),
        ("s3:bucket/x", "s3://BUCKET"),
        ("sftp://host/x", "s3://"),
        ("sftp:host:/x", "s3://"),
        ("rclone:remote:x", "s3://"),
        ("", "path"),
        ("file://host/x", "three slashes"),
        ("s3://", "BUCKET"),
        ("s3:///prefix", "BUCKET"),
        ("s3://bucket/a b", "letters"),
        ("s3://bucket/../x", "letters"),
        ("s3://bucket#part", "%23"),
        ("s3://bucket?regio=x", "region"),
        ("s3://bucket?addressing=both", "path, virtual"),
        ("s3://bucket?checksum=md5", "sha256, no"),
        ("s3://bucket?conditional_create=perhaps", "yes, no"),
        ("s3://bucket?endpoint=localhost:9000", "http"),
        ("s3://bucket?endpoint=ftp://host", "http"),
        ("gs://bucket?region=x", "storage_class"),
        ("s3://[bucket", "s3://BUCKET"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_with_the_fix(url: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url, create=True)
    assert hint in caught.value.hint


@pytest.mark.parametrize("url", ["sftp://host/x", "rclone:remote:x"])
def test_what_comes_later_is_said_to_be_not_there_yet(url: str) -> None:
    with pytest.raises(UsageError, match="not available yet"):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hunter2secret@bucket/x",
        "s3://hunter2secret@bucket/x",
        "s3://bucket?secret_access_key=hunter2secret",
        "s3://bucket?access_key=hunter2secret",
        "s3://bucket?password=hunter2secret",
        "s3://bucket?endpoint=https://user:hunter2secret@host",
        "s3://bucket?endpoint=user:hunter2secret@host",
        "az://container?sas_token=hunter2secret",
        "file://user:hunter2secret@host/x",
    ],
)
def test_a_password_inside_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert "environment" in caught.value.hint
    assert "hunter2secret" not in f"{caught.value} {caught.value.hint} {caught.value.values} {caught.value.args}"


def test_without_the_cloud_library_the_exact_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingExtra) as caught:
        open_store("s3://bucket")
    assert "pip install 'rebond[cloud]'" in caught.value.hint


def test_a_profile_of_the_credentials_file_is_used(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DS%\n"
        "[backup]\naws_access_key_id=B\naws_secret_access_key=BS\naws_session_token=BT\n"
    )
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(path)}

    assert read_aws_profile(environment) == {"access_key_id": "D", "secret_access_key": "DS%"}
    assert read_aws_profile(environment | {"AWS_PROFILE": "backup"}) == {
        "access_key_id": "B",
        "secret_access_key": "BS",
        "session_token": "BT",
    }
    assert read_aws_profile(environment | {"AWS_ACCESS_KEY_ID": "E"}) == {}
    assert read_aws_profile({"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "missing")}) == {}
    with pytest.raises(UsageError, match="no profile"):
        read_aws_profile(environment | {"AWS_PROFILE": "missing"})
    path.write_text("not a section")
    with pytest.raises(UsageError, match="cannot be read"):
        read_aws_profile(environment)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("s3://bucket/v", "s3://bucket/v?storage_class=STANDARD_IA"),
        ("S3://bucket?region=x", "S3://bucket?region=x&storage_class=STANDARD_IA"),
        ("az://c/v?", "az://c/v?storage_class=STANDARD_IA"),
        ("gs://b?storage_class=NEARLINE&endpoint=https://e", None),
        ("/backup/a?storage_class=X", None),
        ("sftp://host/v", None),
    ],
)
def test_a_storage_class_is_put_into_the_address_of_a_cloud_store_that_names_none(
    address: str, whole: str | None
) -> None:
    assert with_storage_class(address, "STANDARD_IA") == (whole or address)
    assert with_storage_class(address, "") == address


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("s3://b/v?endpoint=https://e&region=r", "s3://b/v/?region=r&endpoint=https://e/", True),
        ("s3://b/v?endpoint=https://e&region=r", "s3://b/v?endpoint=https://e", True),  # as a store shows it
        ("s3://b/v?storage_class=STANDARD_IA", "S3://b/v", True),
        ("az://c/v?account=a", "az://c/v", True),
        ("az://c/v?account=a", "az://c/v?account=other", False),
        ("s3://b/v", "s3://b/v2", False),
        ("s3://b/v", "s3://B/v", False),
        ("s3://b/v", "gs://b/v", False),
        ("s3://b/v?endpoint=https://e", "s3://b/v?endpoint=https://other", False),
        ("s3://b/v?what=1", "s3://b/v", False),
    ],
)
def test_two_addresses_of_one_vault_are_known_to_be_that(one: str, other: str, is_same: bool) -> None:
    assert is_same_cloud_place(one, other) is is_same
    assert is_same_cloud_place(other, one) is is_same


def test_what_was_named_counts_and_what_the_other_address_says_besides_is_added() -> None:
    known = "s3://b/v?region=old&conditional_create=no"
    assert with_options_of("s3://b/v?region=new", known) == "s3://b/v?region=new&conditional_create=no"
    assert with_options_of("s3://b/v", known) == known
    assert with_options_of("s3://b/v", "s3://b/v/") == "s3://b/v"
