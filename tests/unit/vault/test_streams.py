"""Stream items: who may put, list and read them, what is refused, and what becomes of spoilt ones."""

import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace
from tests.unit.vault.kept_vault import KeptVault
from tests.unit.vault.owned_vault import OwnedVault, own_a_vault, secret
from tests.unit.vault.spoilt import (
    CATALOG,
    DATA_KEY,
    DOMAIN,
    PRIVATE,
    STREAM_ITEM,
    STREAM_ITEM_NAME,
    VAULT,
    seeds,
    spoil,
    tries,
)

from rebond.errors import ForeignObject, ObjectMissing, RebondError, Refused, RoleTooSmall, UsageError, VaultDamaged
from rebond.findings import Finding
from rebond.identifiers import ObjectName
from rebond.testing.damage import flip_byte, rewrite_object
from rebond.vault.access import Vault
from rebond.vault.checking_streams import check_streams
from rebond.vault.credentials import CatalogKeys
from rebond.vault.headers import with_sum, without_sum
from rebond.vault.members import issue_keeper, issue_writer, revoke_member
from rebond.vault.opening import OpenedVault, open_vault, secret_from_file
from rebond.vault.pruning import plan_prune
from rebond.vault.stream_items import open_content, open_record, parse_stream_item, split_head, stream_item_name
from rebond.vault.streams import has_content, list_items, put_item, read_item, read_stored


@dataclass
class Stage:
    """A vault with an owner, two writers and a keeper."""

    made: OwnedVault
    caches: Path
    heard: list[Finding] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def open(self, role: str) -> Vault:
        opened = open_vault(self.made.store, secret_from_file(self.files[role])) if role in self.files else self.owner()
        return Vault(
            store=self.made.store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self.caches / role,
            clock=self.made.clock,
            report=self.heard.append,
        )

    def owner(self) -> OpenedVault:
        return open_vault(self.made.store, secret())


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(own_a_vault(), tmp_path)
    for role in ("writer", "other", "keeper"):
        opened = stage.owner()
        issue = issue_keeper if role == "keeper" else issue_writer
        issued = issue(stage.made.store, opened.require_keyring(), opened.roster, label=role, clock=stage.made.clock)
        stage.files[role] = issued.content
    return stage


def names(stage: Stage) -> list[str]:
    return [info.name for info in stage.made.store.list_objects("streams/")]


def test_what_a_writer_put_the_owner_reads_and_nobody_else(stage: Stage) -> None:
    writer = stage.open("writer")
    name = put_item(writer, "wal/main", "000000010000000000000001", b"a log segment", sequence=1)

    domain = writer.credentials.writing_domain()
    assert read_item(stage.open("owner"), "wal/main", "000000010000000000000001", domain=domain) == b"a log segment"
    for role in ("writer", "other", "keeper"):
        with pytest.raises(RoleTooSmall):
            read_stored(stage.open(role), name)
    assert b"wal" not in stage.made.store.read(name)
    assert "wal" not in name


def test_keeper_and_owner_list_every_domain_and_a_writer_its_own(stage: Stage) -> None:
    put_item(stage.open("writer"), "wal/main", "1", b"one", sequence=1, for_ever=True)
    put_item(stage.open("other"), "ledger/x", "2", b"two", sequence=2)

    def seen(role: str) -> list[tuple[str, str, int, bool]]:
        found = (item.record for item in list_items(stage.open(role)))
        return sorted((each.stream, each.item, each.sequence, each.for_ever) for each in found)

    assert seen("writer") == [("wal/main", "1", 1, True)]
    assert seen("other") == [("ledger/x", "2", 2, False)]
    assert seen("keeper") == seen("owner") == [("ledger/x", "2", 2, False), ("wal/main", "1", 1, True)]
    assert [item.record.item for item in list_items(stage.open("owner"), prefix="wal/")] == ["1"]
    assert [item.record.item for item in list_items(stage.open("writer"), "wal/main")] == ["1"]
    assert list(list_items(stage.open("writer"), "wal/other")) == []


def test_a_keeper_puts_nothing(stage: Stage) -> None:
    with pytest.raises(RoleTooSmall):
        put_item(stage.open("keeper"), "wal", "1", b"", sequence=0)

    assert names(stage) == []


def test_the_same_again_is_success_and_something_else_is_refused(stage: Stage) -> None:
    writer = stage.open("writer")
    name = put_item(writer, "wal", "1", b"content", sequence=1)
    before = stage.made.store.read(name)

    assert put_item(stage.open("writer"), "wal", "1", b"content", sequence=1) == name
    with pytest.raises(Refused):
        put_item(writer, "wal", "1", b"Content", sequence=1)
    assert stage.made.store.read(name) == before
    assert names(stage) == [name]


@pytest.mark.parametrize("where", ["other stream", "other item"])
def test_names_that_differ_are_other_items(stage: Stage, where: str) -> None:
    writer = stage.open("writer")
    put_item(writer, "wal", "1", b"content", sequence=1)
    put_item(
        writer, "wal2" if where == "other stream" else "wal", "1" if where == "other stream" else "2", b"x", sequence=1
    )

    assert len(names(stage)) == 2


def test_a_damaged_item_is_not_taken_for_the_same(stage: Stage) -> None:
    writer = stage.open("writer")
    name = put_item(writer, "wal", "1", b"content", sequence=1)
    flip_byte(stage.made.store, name, 200)

    with pytest.raises(VaultDamaged):
        put_item(writer, "wal", "1", b"content", sequence=1)


def test_a_writer_can_tell_what_an_item_holds_without_reading_it(stage: Stage) -> None:
    writer = stage.open("writer")
    put_item(writer, "wal", "1", b"content", sequence=1)
    (found,) = list_items(writer, "wal")

    assert has_content(writer, found, b"content")
    assert not has_content(writer, found, b"content ")


@pytest.mark.parametrize(("stream", "item"), [("", "1"), ("wal", ""), ("wal", "x" * 1001), ("é" * 501, "1")])
def test_names_have_a_length(stage: Stage, stream: str, item: str) -> None:
    with pytest.raises(UsageError):
        put_item(stage.open("writer"), stream, item, b"", sequence=0)


def test_an_empty_item_and_one_of_two_megabytes_come_back(stage: Stage) -> None:
    vault = stage.open("owner")
    for item, content in (("empty", b""), ("large", bytes(range(256)) * 8192)):
        put_item(vault, "wal", item, content, sequence=0)

        assert read_item(vault, "wal", item) == content
    with pytest.raises(ObjectMissing):
        read_item(vault, "wal", "neither")


@pytest.mark.parametrize("role", ["owner", "keeper", "writer"])
def test_a_check_names_a_flipped_byte_wherever_it_is(stage: Stage, role: str) -> None:
    name = put_item(stage.open("writer"), "ledger", "1", b"what happened " * 9, sequence=1)
    whole = stage.made.store.read(name)
    for offset in range(0, len(whole), 61):
        flip_byte(stage.made.store, name, offset)

        (checked,) = check_streams(stage.open(role), read_data_percent=100 if role == "owner" else None)

        assert [finding.subject for finding in checked.findings] == [name], offset
        rewrite_object(stage.made.store, name, whole)
    (checked,) = check_streams(stage.open(role))
    assert checked.findings == ()


def test_a_content_that_its_writer_sealed_wrong_is_found_when_content_is_read(stage: Stage) -> None:
    writer = stage.open("writer")
    domain = writer.credentials.writing_domain()
    keys = writer.credentials.domain_keys(domain)
    wrong = replace(keys, data_id_key=bytes(32))
    credentials = replace(writer.credentials, domain_secrets={domain: wrong})
    put_item(replace(writer, credentials=credentials), "ledger", "1", b"x", sequence=1)

    assert [each.findings for each in check_streams(stage.open("owner"))] == [()]
    (checked,) = check_streams(stage.open("owner"), read_data_percent=100)
    assert len(checked.findings) == 1


def test_of_large_items_the_head_is_read_and_a_share_whole(stage: Stage) -> None:
    put_item(stage.open("owner"), "wal", "1", random.Random(7).randbytes(2 << 20), sequence=1)

    def read(percent: float | None, lot: float) -> int:
        (checked,) = check_streams(stage.open("owner"), read_data_percent=percent, draw=lambda: lot)
        return checked.read_bytes

    assert read(None, 0.0) == read(10, 0.5) == 8192
    assert read(10, 0.05) > 2 << 20
    assert read(100, 0.99) > 2 << 20


def test_an_item_of_a_revoked_writer_is_foreign_and_stays(stage: Stage) -> None:
    writer = stage.open("writer")
    early = put_item(writer, "ledger", "1", b"before", sequence=1)
    stage.made.clock.advance(60)
    opened = stage.owner()
    revoke_member(
        stage.made.store, opened.require_keyring(), opened.roster, writer.credentials.member, clock=stage.made.clock
    )
    stage.made.clock.advance(60)
    late = put_item(writer, "ledger", "2", b"after", sequence=2)

    owner = stage.open("owner")
    told = {each.name: [finding.code for finding in each.findings] for each in check_streams(owner)}
    assert told == {early: [], late: ["foreign-object"]}
    assert read_stored(owner, early) == b"before"
    with pytest.raises(ForeignObject):
        read_stored(owner, late)


def test_an_item_cannot_be_shown_at_another_name(stage: Stage) -> None:
    vault = stage.open("owner")
    first = put_item(vault, "ledger", "1", b"one", sequence=1)
    second = stream_item_name(vault.credentials.catalog(vault.credentials.writing_domain()), "ledger", "2")
    stage.made.store.put_if_absent(second, stage.made.store.read(first))

    with pytest.raises(ForeignObject):
        read_item(vault, "ledger", "2")
    assert [each.record.item for each in list_items(vault)] == ["1"]
    assert [finding.code for finding in stage.heard] == ["stream-item-damaged"]


def test_a_prune_takes_no_item_of_any_stream(tmp_path: Path) -> None:
    kept = KeptVault(tmp_path)
    kept.write("a")
    first = kept.save()
    put_item(kept.vault, "ledger/x", "1", b"kept", sequence=1, for_ever=True)
    put_item(kept.vault, "unheard-of", "1", b"kept too", sequence=1)
    present = [info.name for info in kept.store.list_objects("streams/")]
    kept.write("a")
    kept.save()
    kept.forget(first)

    assert not set(present) & {*plan_prune(kept.vault).packs}
    for _ in range(3):
        kept.clock.advance(10 * 86_400)
        kept.prune()

    assert [info.name for info in kept.store.list_objects("streams/")] == present
    assert read_item(kept.vault, "unheard-of", "1") == b"kept too"


# --- the decoder

KEYS = CatalogKeys(DOMAIN, (CATALOG,))


def decode(content: bytes) -> bytes:
    raw = parse_stream_item(content, STREAM_ITEM_NAME, VAULT)
    record = open_record(raw.sealed_record, raw.clear, STREAM_ITEM_NAME, KEYS)
    return open_content(raw, record, PRIVATE, DATA_KEY)


def test_the_vector_decodes() -> None:
    assert decode(STREAM_ITEM) == b"what happened, " * 20


@given(seed=seeds)
@tries(150)
def test_a_spoilt_item_is_an_error_of_ours(seed: int) -> None:
    spoilt = spoil(STREAM_ITEM, seed)
    if spoilt != STREAM_ITEM:
        with pytest.raises(RebondError):
            decode(spoilt)
    with_right_sum = with_sum(spoil(bytes(without_sum(STREAM_ITEM)), seed))
    with contextlib.suppress(RebondError):
        assert decode(with_right_sum) == b"what happened, " * 20  # the signature alone was spoilt


@given(seed=seeds)
@tries(150)
def test_a_spoilt_head_is_an_error_of_ours_or_the_head(seed: int) -> None:
    try:
        clear, sealed = split_head(spoil(STREAM_ITEM[:400], seed), STREAM_ITEM_NAME, VAULT)
        record = open_record(sealed, clear, STREAM_ITEM_NAME, KEYS)
    except RebondError:
        return
    assert (record.stream, record.item) == ("ledger/host", "0-7")


@pytest.mark.parametrize("size", [0, 31, 47, 52, 100, 200, 300])
def test_an_item_that_is_cut_short_is_damage(size: int) -> None:
    for content in (STREAM_ITEM[:size], with_sum(STREAM_ITEM[:size])):
        with pytest.raises(VaultDamaged):
            parse_stream_item(content, STREAM_ITEM_NAME, VAULT)


def test_an_item_belongs_to_the_domain_of_its_name() -> None:
    other = ObjectName(STREAM_ITEM_NAME.replace(DOMAIN.hex(), "00" * 8))
    with pytest.raises(VaultDamaged):
        parse_stream_item(STREAM_ITEM, other, VAULT)
