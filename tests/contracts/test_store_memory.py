"""The store in memory keeps every promise."""

import pytest

from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
