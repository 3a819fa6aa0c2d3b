"""When a snapshot counts as read back: all of it, at its latest, on this host."""

from pathlib import Path

import pytest
from tests.unit.vault.kept_vault import KeptVault

from rebond.operations.verify import verify
from rebond.vault.pack_table import PackTable
from rebond.vault.verified_moments import find_verified_moments
from rebond.vault.verify_log import VerifyLog


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    """Two snapshots; the second needs what the first does and more."""
    kept = KeptVault(tmp_path)
    kept.write("one")
    kept.save()
    kept.write("two")
    kept.save()
    return kept


def log_of(kept: KeptVault) -> VerifyLog:
    return VerifyLog(kept.caches / "verified" / kept.vault.vault_id.hex())


def moments(kept: KeptVault) -> list[int | None]:
    """Return the moment of each snapshot, oldest snapshot first."""
    records = kept.listed()
    found = find_verified_moments(kept.vault, records, log_of(kept))
    return [found.get(record.name) for record in records]


def read_back(kept: KeptVault, percent: float = 100.0) -> int:
    now_ms = kept.clock.now_ms()
    verify(kept.vault, read_data_percent=percent, state=kept.caches / "verified")
    return now_ms


def test_what_was_never_read_is_not_verified_and_asks_the_store_nothing(kept: KeptVault) -> None:
    records = kept.listed()
    nothing_asked = kept.open(None)  # type: ignore[arg-type]

    assert find_verified_moments(nothing_asked, records, log_of(kept)) == {}


def test_a_check_of_the_structure_verifies_no_content(kept: KeptVault) -> None:
    verify(kept.vault, state=kept.caches / "verified")

    assert moments(kept) == [None, None]


def test_what_was_read_whole_is_verified_and_what_came_later_is_not(kept: KeptVault) -> None:
    first_ms = read_back(kept)
    kept.clock.advance(3600)
    kept.write("three")
    kept.save()

    assert moments(kept) == [first_ms, first_ms, None]
    kept.clock.advance(3600)
    again_ms = read_back(kept)
    assert moments(kept) == [again_ms] * 3


def test_the_moment_is_that_of_what_was_read_longest_ago(kept: KeptVault) -> None:
    log, packs = log_of(kept), PackTable.from_store(kept.store)
    for ordinal in range(len(packs)):
        log.note(packs.hash_at(ordinal), 1000 + ordinal, is_whole=True)
    log.flush()

    assert moments(kept)[1] == 1000


def test_one_pack_that_is_missing_from_the_log_or_was_damaged_leaves_it_unverified(kept: KeptVault) -> None:
    log, packs = log_of(kept), PackTable.from_store(kept.store)
    for ordinal in range(1, len(packs)):
        log.note(packs.hash_at(ordinal), 1000, is_whole=True)
    log.flush()
    assert moments(kept)[1] is None
    log.note(packs.hash_at(0), 1000, is_whole=True)
    log.flush()
    assert moments(kept) == [1000, 1000]
    for ordinal in range(len(packs)):
        log.note(packs.hash_at(ordinal), 2000, is_whole=False)
    log.flush()
    assert moments(kept) == [None, None]


def test_packs_that_no_list_names_verify_nothing(kept: KeptVault) -> None:
    read_back(kept)
    for name in kept.names("index/"):
        kept.store.delete(name)

    assert moments(kept) == [None, None]
