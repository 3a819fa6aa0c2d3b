"""The cloud store keeps every promise, against an S3 server that the tests start on loopback."""

import itertools
from collections.abc import Iterator

import pytest

from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.store.protocol import Store
from rebond.testing.s3_server import S3Server
from rebond.testing.store_contract import StoreContract

numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        server.page_size = 7  # so that listings of the contract have several pages
        yield server


@pytest.fixture(autouse=True)
def credentials(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a-test-token")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "dGVzdC1zZWNyZXQta2V5")


class TestCloudStore(StoreContract):
    @pytest.fixture
    def store(self, server: S3Server) -> Store:
        return CloudStore(parse_cloud_address(server.url(f"bucket/vaults/{next(numbers)}")))


class TestCloudStoreAtTheTopOfItsBucket(StoreContract):
    @pytest.fixture
    def store(self, server: S3Server) -> Store:
        bucket = f"bucket-{next(numbers)}"
        server.buckets[bucket] = {}
        return CloudStore(parse_cloud_address(server.url(bucket)))


class TestGoogleStore(StoreContract):
    @pytest.fixture
    def store(self, server: S3Server) -> Store:
        return CloudStore(parse_cloud_address(f"gs://bucket/google/{next(numbers)}?endpoint={server.endpoint}"))


class TestAzureStore(StoreContract):
    @pytest.fixture
    def store(self, server: S3Server) -> Store:
        url = f"az://bucket/azure/{next(numbers)}?endpoint={server.endpoint}&account=acme"
        return CloudStore(parse_cloud_address(url))
