"""What the proof finds out of a store in the cloud, before a vault depends on it."""

from collections.abc import Iterator

import pytest

from rebond.errors import StoreError, StoreUnfit
from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.store.protocol import Store
from rebond.store.proving import prove_store
from rebond.store.retrying import RetryingStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server

SMALL = 2**16


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def open_classed(server: S3Server) -> Store:
    store = CloudStore(parse_cloud_address(server.url("bucket/v") + "&storage_class=DEEP_ARCHIVE"))
    return RetryingStore(store, ManualClock())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(method="PUT", path="/packs/", status=400, code="InvalidStorageClass", times=9), "no such storage class"),
        (Fault(method="GET", path="/packs/", status=403, code="InvalidObjectState", times=9), "cold storage"),
    ],
)
def test_a_storage_class_is_tried_before_anything_depends_on_it(server: S3Server, fault: Fault, words: str) -> None:
    server.faults.append(fault)
    with pytest.raises(StoreError, match=words):
        prove_store(open_classed(server), ManualClock(), large_bytes=SMALL)

    assert server.buckets["bucket"] == {}


def test_only_the_probe_of_packs_has_their_storage_class(server: S3Server) -> None:
    server.denied.append(("DELETE", ""))
    assert prove_store(open_classed(server), ManualClock(), large_bytes=SMALL).holds("large-put")
    classes = {stored.storage_class: len(stored.content) for stored in server.buckets["bucket"].values()}

    assert classes["DEEP_ARCHIVE"] == SMALL
    assert sum(stored.storage_class == "DEEP_ARCHIVE" for stored in server.buckets["bucket"].values()) == 1


def test_a_proxy_that_takes_no_large_objects_is_found_out(server: S3Server) -> None:
    server.faults.append(Fault(method="PUT", path="/packs/", status=413, code=""))
    with pytest.raises(StoreUnfit, match="as large as"):
        prove_store(open_classed(server), ManualClock(), large_bytes=SMALL)
