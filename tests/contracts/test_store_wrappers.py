"""The wrappers keep every promise of what they wrap."""

import pytest

from rebond.store.limiting import LimitedStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.store.retrying import RetryingStore
from rebond.testing.faulty_store import CuttingStore, FaultyStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.recording_store import RecordingStore
from rebond.testing.store_contract import StoreContract


class TestRetryingStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return RetryingStore(MemoryStore(), ManualClock())


class TestLimitedStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        rate = 1_000_000
        clock = ManualClock()
        return LimitedStore(MemoryStore(), clock, upload_bytes_per_second=rate, download_bytes_per_second=rate)


class TestFaultyStoreWithoutFaults(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return FaultyStore(MemoryStore())


class TestCuttingStoreWithoutCut(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return CuttingStore(MemoryStore())


class TestRecordingStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return RecordingStore(MemoryStore())
