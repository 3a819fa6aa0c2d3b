"""Holds, run records, endings and the file cache, spoilt in every way: read as they were, or named as damage."""

from pathlib import Path

from hypothesis import given
from tests.unit.vault.owned_vault import own_a_vault
from tests.unit.vault.spoilt import seeds, spoil, tries

from rebond.errors import RebondError, VaultDamaged
from rebond.identifiers import MemberId, ObjectName, SnapshotId
from rebond.vault.endings import WithdrawalBody, kind_of_ending, parse_withdrawal
from rebond.vault.file_cache import MAGIC, CacheRecord, decode_record, encode_record, read_records
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.holds import HoldBody, build_hold, hold_prefix, parse_hold
from rebond.vault.member_records import build_signed
from rebond.vault.primitives import verify_signature
from rebond.vault.records import decode, encode
from rebond.vault.runs import RunRecord, build_run, parse_run, run_name

MADE = own_a_vault().created
KEYS = MADE.credentials
VERIFY = MADE.description.owner_verify_key
BODY = HoldBody(is_set=True, time_ms=5, reason="a trial", who="owner")
HOLD_NAME = ObjectName(f"{hold_prefix(SnapshotId(bytes(16)))}1")
HOLD = build_hold(BODY, HOLD_NAME, MADE.roster.domains[0].id, KEYS)
RUN = RunRecord(
    run=bytes(16),
    purpose="prune",
    time_ms=7,
    knows_records=True,
    known=bytes(80),
    journals={"sessions/a": 3},
    marks=["trash/b"],
    deleted={"packs": 2},
)
RUN_RECORD = build_run(RUN, run_name(1), KEYS)
ENDED = ObjectName(f"snapshots/{KEYS.member.hex()}/{'0' * 32}.{'1' * 32}.withdrawn")
WITHDRAWAL = build_signed(
    ObjectKind.WITHDRAWAL, ENDED, MADE.vault_id, KEYS.member, KEYS.signing_key, WithdrawalBody(time_ms=1, reason="so")
)
RECORD = CacheRecord(
    path=b"a/b",
    stamp=b"s" * 20,
    directory=b"d" * 40,
    names=[b"x", b"y"],
    stamps=[b"1", b"2"],
    entries=[b"e" * 30, b"f" * 30],
    uses=[bytes(10), b""],
    sessions=[bytes(16)],
    all_uses=bytes(10),
    files=2,
    content_bytes=99,
)


@given(seed=seeds)
@tries(150)
def test_a_spoilt_hold_is_itself_or_damage(seed: int) -> None:
    for content in (spoil(HOLD, seed), with_sum(spoil(HOLD[:-32], seed))):
        try:
            body, member, signed, signature = parse_hold(content, HOLD_NAME, MADE.vault_id, KEYS)
            verify_signature(VERIFY, "hold", signed, signature)
        except RebondError:
            continue
        assert (body, member, content) == (BODY, KEYS.member, HOLD)


@given(seed=seeds)
@tries(150)
def test_a_spoilt_run_record_is_itself_or_damage(seed: int) -> None:
    for content in (spoil(RUN_RECORD, seed), with_sum(spoil(RUN_RECORD[:-32], seed))):
        try:
            record, member, signed, signature = parse_run(content, run_name(1), MADE.vault_id, KEYS.catalog_roots)
            verify_signature(VERIFY, "run", signed, signature)
        except RebondError:
            continue
        assert (record, member, content) == (RUN, KEYS.member, RUN_RECORD)


@given(seed=seeds)
@tries(150)
def test_a_spoilt_withdrawal_is_itself_or_refused(seed: int) -> None:
    for content in (spoil(WITHDRAWAL, seed), with_sum(spoil(WITHDRAWAL[:-32], seed))):
        try:
            kind = kind_of_ending(content)
            assert kind in (ObjectKind.VOID, ObjectKind.WITHDRAWAL)
            record = parse_withdrawal(content, ENDED, MADE.vault_id)
            verify_signature(VERIFY, "withdrawal", record.signed, record.signature)
        except RebondError:
            continue
        assert content == WITHDRAWAL
        assert record.member == MemberId(KEYS.member)


@given(seed=seeds)
@tries(150)
def test_bodies_that_a_keeper_made_up_are_bodies_or_damage(seed: int) -> None:
    for body in (BODY, RUN, WithdrawalBody(time_ms=1, reason="so")):
        try:
            found = decode(spoil(encode(body), seed), type(body))
        except VaultDamaged:
            continue
        assert isinstance(found, type(body))


@given(seed=seeds)
@tries(150)
def test_a_spoilt_record_of_the_file_cache_is_itself_or_nothing(seed: int) -> None:
    stored = encode_record(RECORD)
    spoilt = spoil(stored, seed)

    assert decode_record(stored) == RECORD
    assert decode_record(spoilt) in ((None, RECORD) if spoilt == stored else (None,))


def test_a_spoilt_file_cache_gives_good_records_only(tmp_path: Path) -> None:
    identity = bytes(32)
    whole = MAGIC + identity + encode_record(RECORD) * 3
    for seed in range(200):
        (tmp_path / "cache").write_bytes(spoil(whole, seed))
        found = [record for record, _ in read_records(tmp_path / "cache", identity)]
        assert all(record == RECORD for record in found)
