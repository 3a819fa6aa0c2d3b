"""The canary: what a credential may do is found out on one object, and on no other."""

import pathlib
import stat
from collections.abc import Iterator

import pytest

from rebond.clock import SystemClock
from rebond.errors import AccessDenied, StoreUnreachable, UsageError
from rebond.store.canary import CANARY_NAME, CanaryFate, try_canary
from rebond.store.cloud import CloudStore
from rebond.store.local import LocalStore
from rebond.store.memory import MemoryStore
from rebond.store.opening import open_store
from rebond.store.protocol import Store
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

Folder = pathlib.Path


def contents(store: Store) -> dict[str, bytes]:
    return {info.name: store.read(info.name) for info in store.list_objects()}


def test_a_directory_of_ours_can_be_destroyed_and_nothing_else_in_it_is_touched(tmp_path: Folder) -> None:
    store = LocalStore.create(tmp_path / "vault")
    store.put_if_absent("packs/one", b"content")
    before = (tmp_path / "vault" / "packs" / "one").stat()

    assert try_canary(store) == CanaryFate(could_overwrite=True, could_delete=True)
    assert contents(store) == {"packs/one": b"content"}
    after = (tmp_path / "vault" / "packs" / "one").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_store_that_denies_deletion_keeps_its_canary_for_the_next_time() -> None:
    inner = MemoryStore(SystemClock())
    denied = FaultyStore(inner, fail_when=lambda verb, _: AccessDenied("No.", hint="No.") if verb == "delete" else None)

    for _ in range(2):
        assert try_canary(denied) == CanaryFate(could_overwrite=None, could_delete=False)
        assert list(contents(inner)) == [CANARY_NAME]


def test_a_store_that_does_not_answer_is_no_store_that_denies() -> None:
    store = FaultyStore(
        MemoryStore(SystemClock()), fail_when=lambda verb, _: unreachable() if verb == "delete" else None
    )

    with pytest.raises(StoreUnreachable):
        try_canary(store)


def test_a_link_in_the_place_of_the_canary_leads_to_no_other_file(tmp_path: Folder) -> None:
    store = LocalStore.create(tmp_path / "vault")
    (tmp_path / "vault" / "probe").mkdir()
    (tmp_path / "precious").write_bytes(b"content")
    (tmp_path / "vault" / CANARY_NAME).symlink_to(tmp_path / "precious")

    with pytest.raises(OSError, match="symbolic"):
        try_canary(store)
    assert (tmp_path / "precious").read_bytes() == b"content"
    assert stat.S_ISREG((tmp_path / "precious").lstat().st_mode)


class TestS3:
    """A bucket, and what its policy may deny."""

    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
        with S3Server() as server:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            yield server

    @pytest.fixture
    def store(self, server: S3Server) -> Store:
        return open_store(f"s3://bucket/vault?endpoint={server.endpoint}&region=us-east-1")

    def test_a_credential_that_may_everything_can_overwrite_and_delete(self, store: Store) -> None:
        store.put_if_absent("packs/one", b"content")

        assert try_canary(store) == CanaryFate(could_overwrite=True, could_delete=True)
        assert contents(store) == {"packs/one": b"content"}

    def test_a_credential_that_may_put_and_not_delete_can_still_overwrite(self, server: S3Server, store: Store) -> None:
        server.faults.append(Fault(method="DELETE", status=403, code="AccessDenied", times=9))
        server.faults.append(Fault(method="POST", status=403, code="AccessDenied", times=9))

        for _ in range(2):
            assert try_canary(store) == CanaryFate(could_overwrite=True, could_delete=False)
        assert list(contents(store)) == [CANARY_NAME]

    def test_a_credential_whose_puts_have_to_be_conditional_is_safe(
        self, server: S3Server, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.faults.append(Fault(method="DELETE", status=403, code="AccessDenied", times=9))
        server.faults.append(Fault(method="POST", status=403, code="AccessDenied", times=9))
        store.put_if_absent(CANARY_NAME, b"first")
        server.faults.append(Fault(method="PUT", path="canary", status=412, code="PreconditionFailed", times=1))
        server.faults.append(Fault(method="PUT", path="canary", status=403, code="AccessDenied", times=1))

        assert try_canary(store).is_safe
        assert store.read(CANARY_NAME) == b"first"

    def test_a_credential_that_may_not_even_add_is_told(self, server: S3Server, store: Store) -> None:
        server.faults.append(Fault(method="PUT", status=403, code="AccessDenied", times=9))

        with pytest.raises(AccessDenied):
            try_canary(store)

    def test_only_probes_are_replaced(self, store: Store) -> None:
        inner = store.inner  # type: ignore[attr-defined]
        assert isinstance(inner, CloudStore)

        with pytest.raises(UsageError):
            inner.replace_probe("packs/one", b"x")
