"""The store in a directory keeps every promise, with hard links and without."""

import errno
import os
import pathlib

import pytest

from rebond.durable_files import Disk
from rebond.store.local import LocalStore
from rebond.store.protocol import Store
from rebond.testing.store_contract import StoreContract


class LinklessDisk(Disk):
    """A file system that has no hard links, such as exFAT."""

    def link(self, source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target)


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: pathlib.Path) -> Store:
        return LocalStore.create(tmp_path / "vault")


class TestLocalStoreWithoutHardLinks(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: pathlib.Path) -> Store:
        return LocalStore.create(tmp_path / "vault", disk=LinklessDisk())
