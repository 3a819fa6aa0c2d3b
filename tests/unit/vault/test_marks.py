"""Marks and claims as they lie in the store: who is believed, and what an odd one means."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from tests.unit.vault.kept_vault import KeptVault

from rebond.errors import StoreUnreachable
from rebond.identifiers import random_id
from rebond.testing.faulty_store import FaultyStore
from rebond.vault.marks import ClaimBody, MarkBody, Marks, claim_mark, claim_name, put_mark, read_marks
from rebond.vault.protocol_rules import ClaimPurpose

RECORD = "snapshots/" + "11" * 8 + "/" + "22" * 16 + "." + "33" * 16


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    return KeptVault(tmp_path)


def read(kept: KeptVault) -> Marks:
    return read_marks(kept.store, kept.vault.vault_id, kept.vault.roster)


def body(purpose: str = "forget", name: str = RECORD) -> MarkBody:
    return MarkBody(purpose=purpose, time_ms=1, names=[name])


def test_a_mark_comes_back_as_it_was_put(kept: KeptVault) -> None:
    wanted = MarkBody(purpose="damage", time_ms=5, reason="rot", names=["packs/aa/bb"], segments=[(b"s" * 16, 3)])

    mark = put_mark(kept.store, kept.vault.credentials, wanted)

    (found,) = read(kept).marks
    assert (found.name, found.body, found.is_verified) == (mark, wanted, True)
    assert found.facts.names == {"packs/aa/bb", (b"s" * 16, 3)}


def test_a_mark_of_a_stranger_is_honoured_by_writers_and_acted_upon_by_nobody(kept: KeptVault) -> None:
    stranger = replace(kept.vault.credentials, signing_key=Ed25519PrivateKey.generate())
    put_mark(kept.store, stranger, body())

    marks = read(kept)

    assert marks.names == {RECORD}
    assert not marks.marks[0].is_verified
    assert marks.forgotten() == frozenset()


def test_a_mark_shown_under_another_name_does_not_verify(kept: KeptVault) -> None:
    mark = put_mark(kept.store, kept.vault.credentials, body())
    kept.store.put_if_absent("trash/" + "00" * 16, kept.store.read(mark))

    assert sorted(found.is_verified for found in read(kept).marks) == [False, True]


@pytest.mark.parametrize("content", [b"", b"x" * 200])
def test_a_mark_that_cannot_be_read_is_named(kept: KeptVault, content: bytes) -> None:
    kept.store.put_if_absent("trash/" + "00" * 16, content)

    assert read(kept).unreadable == ("trash/" + "00" * 16,)


def test_a_mark_of_an_unknown_purpose_counts_as_unreadable(kept: KeptVault) -> None:
    put_mark(kept.store, kept.vault.credentials, body(purpose="relocate"))

    assert len(read(kept).unreadable) == 1


def test_only_one_process_gets_a_claim_and_its_repeated_put_succeeds(kept: KeptVault) -> None:
    mark = put_mark(kept.store, kept.vault.credentials, body())
    mine, other = ClaimBody(run=random_id(), time_ms=1), ClaimBody(run=random_id(), time_ms=1)

    assert claim_mark(kept.store, kept.vault.credentials, mark, mine)
    assert claim_mark(kept.store, kept.vault.credentials, mark, mine)
    assert not claim_mark(kept.store, kept.vault.credentials, mark, other)


def test_a_put_whose_answer_was_lost_is_recognised_when_it_is_repeated(kept: KeptVault) -> None:
    mark = put_mark(kept.store, kept.vault.credentials, body())
    claim = ClaimBody(run=random_id(), time_ms=1)
    with pytest.raises(StoreUnreachable):
        claim_mark(FaultyStore(kept.store, lose_answer_at_write=0), kept.vault.credentials, mark, claim)

    assert claim_mark(kept.store, kept.vault.credentials, mark, claim)


def test_a_claim_decides_whether_what_is_forgotten_lives(kept: KeptVault) -> None:
    mark = put_mark(kept.store, kept.vault.credentials, body())
    assert read(kept).forgotten() == {RECORD}
    assert read(kept).doomed() == frozenset()

    claim = ClaimBody(run=random_id(), time_ms=1, purpose=ClaimPurpose.WITHDRAW.value)
    claim_mark(kept.store, kept.vault.credentials, mark, claim)

    assert read(kept).forgotten() == frozenset()


def test_a_claim_that_cannot_be_trusted_is_somebodys_who_may_delete(kept: KeptVault) -> None:
    mark = put_mark(kept.store, kept.vault.credentials, body())
    kept.store.put_if_absent(claim_name(mark), b"nonsense")

    assert read(kept).doomed() == {RECORD}
