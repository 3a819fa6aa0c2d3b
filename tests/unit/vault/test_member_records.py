import pytest
from hypothesis import given
from tests.unit.vault.spoilt import (
    JOURNAL,
    JOURNAL_NAME,
    MEMBER,
    SIGNER,
    SIGNING_SEED,
    VAULT,
    seeds,
    spoil,
    tries,
)

from rebond.errors import ForeignObject, RebondError, VaultDamaged
from rebond.identifiers import ObjectName, VaultId
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.marks import ClaimBody, MarkBody
from rebond.vault.member_records import build_signed, parse_signed
from rebond.vault.primitives import verify_key, verify_signature
from rebond.vault.records import decode, encode
from rebond.vault.sessions import JournalEntry

NAME = ObjectName("trash/" + "00" * 16)
MARK = MarkBody(purpose="delete", time_ms=5, names=["packs/00/x"], segments=[(bytes(16), 3)], run=bytes(16))
RECORD = build_signed(ObjectKind.MARK, NAME, VAULT, MEMBER, SIGNER, MARK)


def test_a_record_says_again_what_its_member_signed() -> None:
    record = parse_signed(ObjectKind.MARK, NAME, VAULT, RECORD, MarkBody)
    verify_signature(verify_key(SIGNING_SEED), "mark", record.signed, record.signature)

    assert (record.member, record.body, record.kind) == (MEMBER, MARK, ObjectKind.MARK)


def test_a_record_shown_at_another_name_is_foreign() -> None:
    record = parse_signed(ObjectKind.MARK, ObjectName("trash/" + "01" * 16), VAULT, RECORD, MarkBody)

    with pytest.raises(ForeignObject):
        verify_signature(verify_key(SIGNING_SEED), "mark", record.signed, record.signature)


def test_a_record_is_of_one_kind_and_one_vault() -> None:
    with pytest.raises(VaultDamaged):
        parse_signed(ObjectKind.CLAIM, NAME, VAULT, RECORD, ClaimBody)
    with pytest.raises(VaultDamaged):
        parse_signed(ObjectKind.MARK, NAME, VaultId(bytes(16)), RECORD, MarkBody)


@pytest.mark.parametrize("size", [0, 31, 48, 56, 119])
def test_a_record_that_is_cut_short_is_damage(size: int) -> None:
    for content in (RECORD[:size], with_sum(RECORD[:size])):
        with pytest.raises(VaultDamaged):
            parse_signed(ObjectKind.MARK, NAME, VAULT, content, MarkBody)


@given(seed=seeds)
@tries(100)
def test_a_spoilt_record_is_damage_at_once(seed: int) -> None:
    spoilt = spoil(JOURNAL, seed)
    if spoilt != JOURNAL:
        with pytest.raises(VaultDamaged):
            parse_signed(ObjectKind.SESSION, ObjectName(JOURNAL_NAME), VAULT, spoilt, JournalEntry)


@given(seed=seeds)
@tries(150)
def test_a_record_spoilt_with_a_good_sum_never_verifies(seed: int) -> None:
    content = with_sum(spoil(JOURNAL[:-32], seed))
    name = ObjectName(JOURNAL_NAME)
    try:
        record = parse_signed(ObjectKind.SESSION, name, VAULT, content, JournalEntry)
        verify_signature(verify_key(SIGNING_SEED), "session", record.signed, record.signature)
    except RebondError:
        return
    assert content == JOURNAL


@given(seed=seeds)
@tries(150)
def test_bodies_that_a_member_made_up_are_bodies_or_damage(seed: int) -> None:
    claim = ClaimBody(run=bytes(16), time_ms=1)
    entry = JournalEntry(step="marks", time_ms=1, marks=["a", "b"], names=["c"])
    for body in (MARK, claim, entry):
        try:
            assert isinstance(decode(spoil(encode(body), seed), type(body)), type(body))
        except VaultDamaged:
            continue
