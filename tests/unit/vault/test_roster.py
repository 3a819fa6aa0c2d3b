import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vault.owned_vault import own_a_vault, replace_object

from rebond.errors import ForeignObject, FormatTooNew, RebondError, VaultDamaged
from rebond.findings import Finding
from rebond.identifiers import DomainId, MemberId
from rebond.store.memory import MemoryStore
from rebond.vault.credentials import Role
from rebond.vault.headers import HEADER_SIZE, with_sum
from rebond.vault.primitives import sign, signing_key, verify_key
from rebond.vault.roster import (
    FeatureFlags,
    Roster,
    Untrusted,
    build_roster,
    change_roster,
    load_newest_roster,
    parse_roster,
    roster_name,
)

OWNER_SEED = b"O" * 32
OWNER = verify_key(OWNER_SEED)
OWNER_KEY = signing_key(OWNER_SEED)
BASE = msgspec.structs.replace(own_a_vault().created.roster, number=1)


def a_store(*rosters: Roster) -> MemoryStore:
    store = MemoryStore()
    for roster in rosters:
        store.put_if_absent(roster_name(roster.number), build_roster(roster, OWNER_KEY))
    return store


def numbered(number: int, **changes: object) -> Roster:
    return msgspec.structs.replace(BASE, number=number, **changes)


def test_the_newest_valid_roster_wins_by_number_not_by_name() -> None:
    store = a_store(numbered(2), numbered(9), numbered(10))

    assert load_newest_roster(store, OWNER) == numbered(10)


def test_a_forged_roster_is_passed_over_and_told() -> None:
    told: list[Finding] = []
    store = a_store(numbered(1))
    thief = signing_key(b"T" * 32)
    store.put_if_absent(roster_name(2), build_roster(numbered(2, members=()), thief))

    assert load_newest_roster(store, OWNER, notice=told.append).number == 1
    assert [finding.subject for finding in told] == ["roster/2"]


def test_a_renamed_roster_is_passed_over() -> None:
    store = a_store(numbered(1))
    store.put_if_absent(roster_name(7), build_roster(numbered(1), OWNER_KEY))

    assert load_newest_roster(store, OWNER).number == 1


def test_a_rolled_back_roster_is_refused() -> None:
    store = a_store(numbered(4))

    assert load_newest_roster(store, OWNER, 4).number == 4
    with pytest.raises(VaultDamaged, match="rolled back"):
        load_newest_roster(store, OWNER, 5)


def test_a_damaged_newest_roster_does_not_bring_back_who_was_revoked() -> None:
    store = a_store(numbered(4), numbered(5))
    content = bytearray(store.read(roster_name(5)))
    content[200] ^= 1
    replace_object(store, roster_name(5), bytes(content))

    with pytest.raises(VaultDamaged, match="no copy of it in the vault is whole"):
        load_newest_roster(store, OWNER, 5)


def test_a_vault_without_a_roster_says_so() -> None:
    with pytest.raises(VaultDamaged, match="There is no roster"):
        load_newest_roster(MemoryStore(), OWNER)


def test_a_roster_that_is_too_large_is_not_read() -> None:
    store = a_store(numbered(1))
    store.put_if_absent(roster_name(2), bytes(9 << 20))

    assert load_newest_roster(store, OWNER).number == 1


def test_unknown_flags_refuse_what_they_name() -> None:
    reading = numbered(1, flags=FeatureFlags(read=("tape",)))
    writing = numbered(1, flags=FeatureFlags(write=("tape",)))
    deleting = numbered(1, flags=FeatureFlags(delete=("tape",)))

    with pytest.raises(FormatTooNew, match="tape"):
        load_newest_roster(a_store(reading), OWNER)
    found = load_newest_roster(a_store(writing), OWNER)
    assert found.is_read_only
    assert found.is_prune_refused
    with pytest.raises(FormatTooNew):
        found.require_writable()
    found = load_newest_roster(a_store(deleting), OWNER)
    assert not found.is_read_only
    assert found.is_prune_refused
    found.require_writable()
    with pytest.raises(FormatTooNew):
        found.require_prunable()
    assert not BASE.is_prune_refused


def test_a_vault_with_an_unknown_write_flag_gets_no_new_roster() -> None:
    store = a_store(numbered(1, flags=FeatureFlags(write=("tape",))))

    with pytest.raises(FormatTooNew):
        change_roster(store, OWNER_KEY, lambda roster: msgspec.structs.replace(roster, epoch=2), now_ms=1)
    assert [info.name for info in store.list_objects()] == ["roster/1"]


def test_a_later_version_is_refused_when_the_owner_signed_it_and_ignored_when_he_did_not() -> None:
    body = bytearray(build_roster(numbered(2), OWNER_KEY)[:-96])
    body[4] = 9
    store = a_store(numbered(1))
    store.put_if_absent(roster_name(2), with_sum(bytes(body) + sign(signing_key(b"T" * 32), "roster", body)))
    assert load_newest_roster(store, OWNER).number == 1

    replace_object(store, roster_name(2), with_sum(bytes(body) + sign(OWNER_KEY, "roster", body)))
    with pytest.raises(FormatTooNew):
        load_newest_roster(store, OWNER)


def test_two_owners_who_change_the_roster_at_once_both_succeed() -> None:
    store = a_store(numbered(1))
    second: list[Roster] = []

    def change(roster: Roster) -> Roster:
        if not second:  # the other owner is faster
            second.append(BASE)
            change_roster(store, OWNER_KEY, lambda r: msgspec.structs.replace(r, epoch=r.epoch + 1), now_ms=1)
        return msgspec.structs.replace(roster, epoch=roster.epoch + 10)

    assert change_roster(store, OWNER_KEY, change, now_ms=2).epoch == 12
    assert load_newest_roster(store, OWNER).number == 3


def test_a_planted_number_does_not_stop_the_next_roster() -> None:
    store = a_store(numbered(1))
    store.put_if_absent(roster_name(2), b"planted")
    store.put_if_absent(roster_name(10**17), b"planted")

    changed = change_roster(store, OWNER_KEY, lambda r: msgspec.structs.replace(r, epoch=2), now_ms=2)
    assert changed.number == 3
    assert load_newest_roster(store, OWNER) == changed


def test_a_change_that_changes_nothing_puts_nothing() -> None:
    store = a_store(numbered(1))

    assert change_roster(store, OWNER_KEY, lambda r: r, now_ms=2).number == 1
    assert len(list(store.list_objects())) == 1


OWNER_MEMBER = BASE.members[0]
DOMAIN = OWNER_MEMBER.domains[0]


def test_only_members_that_are_not_revoked_and_own_the_domain_are_valid() -> None:
    revoked = numbered(1, members=(msgspec.structs.replace(OWNER_MEMBER, revoked_at_ms=1000),))

    assert BASE.require_valid_member(OWNER_MEMBER.id, 5000, domain=DOMAIN) == OWNER_MEMBER
    revoked.require_valid_member(OWNER_MEMBER.id, 999)
    bad_ones: list[Callable[[], object]] = [
        lambda: BASE.require_valid_member(b"x" * 8, 0),
        lambda: revoked.require_valid_member(OWNER_MEMBER.id, 1000),
        lambda: BASE.require_valid_member(OWNER_MEMBER.id, 0, roles=(Role.KEEPER,)),
        lambda: BASE.require_valid_member(OWNER_MEMBER.id, 0, domain=b"y" * 8),
    ]
    for bad in bad_ones:
        with pytest.raises(ForeignObject):
            bad()


def test_nothing_later_counts_in_a_closed_domain() -> None:
    closed = numbered(1, domains=(msgspec.structs.replace(BASE.domains[0], closed_at_ms=1000),))

    closed.require_valid_member(OWNER_MEMBER.id, 999, domain=DOMAIN)
    with pytest.raises(ForeignObject):
        closed.require_valid_member(OWNER_MEMBER.id, 1000, domain=DOMAIN)


def test_a_record_is_checked_against_the_key_of_the_member_it_names() -> None:
    roster = numbered(1, members=(msgspec.structs.replace(OWNER_MEMBER, verify_key=OWNER),))
    signature = sign(OWNER_KEY, "snapshot", b"content")

    roster.verify_record(OWNER_MEMBER.id, "snapshot", b"content", signature, 1)
    for kind, content in (("snapshot", b"other"), ("void", b"content")):
        with pytest.raises(ForeignObject):
            roster.verify_record(OWNER_MEMBER.id, kind, content, signature, 1)


def test_an_untrusted_member_s_segments_are_not_used_from_then_on() -> None:
    roster = numbered(1, untrusted=(Untrusted(member=OWNER_MEMBER.id, since_ms=1000),))

    assert roster.is_trusted(OWNER_MEMBER.id, 999)
    assert not roster.is_trusted(OWNER_MEMBER.id, 1000)
    assert not roster.is_trusted(MemberId(b"x" * 8), 0)
    assert roster.find_domain(DomainId(b"none    ")) is None


GOOD = build_roster(numbered(1), OWNER_KEY)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_rosters_never_raise_anything_but_our_errors(data: st.DataObject) -> None:
    """The owner's signature is made over the mutation, so that every check behind it is reached."""
    body = bytearray(GOOD[:-96])
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(HEADER_SIZE, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RebondError):
        parse_roster(with_sum(bytes(body) + sign(OWNER_KEY, "roster", body)), 1, OWNER)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.integers(0, len(GOOD)).map(lambda cut: GOOD[:cut]))
def test_arbitrary_and_cut_bytes_are_never_a_roster(content: bytes) -> None:
    if content != GOOD:
        with pytest.raises((VaultDamaged, ForeignObject)):
            parse_roster(content, 1, OWNER)
