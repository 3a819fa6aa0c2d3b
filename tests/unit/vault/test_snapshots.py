import pytest
from hypothesis import given
from tests.unit.vault.spoilt import (
    CATALOG,
    DOMAIN,
    MEMBER,
    PRIVATE,
    SESSION,
    SIGNER,
    SIGNING_SEED,
    SNAPSHOT,
    VAULT,
    VOID,
    seeds,
    snapshot_name_of_vector,
    spoil,
    tries,
)
from tests.unit.vault.test_segments import seal as seal_example

from rebond.errors import ForeignObject, FormatTooNew, RebondError, VaultDamaged, WrongKey
from rebond.identifiers import ObjectName, SessionId, SnapshotId, VaultId
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.vault.frames import LEVELS, Compressor, build_frame
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.primitives import verify_key, verify_signature
from rebond.vault.records import decode, encode
from rebond.vault.segments import PRIVATE_PART_NUMBER, SegmentKind
from rebond.vault.snapshots import (
    WITHDRAWN_SUFFIX,
    CatalogPart,
    ComponentSummary,
    PrivateComponent,
    PrivatePart,
    RawCommit,
    SnapshotName,
    SnapshotRecord,
    build_snapshot,
    build_void,
    commit_kind,
    list_snapshot_names,
    open_private_part,
    parse_snapshot,
    parse_snapshot_name,
    parse_void,
    snapshot_name,
)

ID = SnapshotId(b"any snapshot id.")
NAME = snapshot_name(MEMBER, ID, SESSION)
PUBLIC = verify_key(SIGNING_SEED)
PART = PrivatePart(components=[PrivateComponent(name="files", domain=DOMAIN, root=b"/srv")], note="for the reader")
FULL = CatalogPart(
    sequence=7,
    previous=bytes(32),
    time_ms=1,
    moment_ms=2,
    host="h",
    stack="s",
    class_="daily",
    tags=["a"],
    held="law",
    held_until_ms=3,
    parent=bytes(16),
    program="p",
    note="n",
    components=[ComponentSummary(name="files", kind="files", domain=DOMAIN, complete=False)],
    problems=4,
    references=b"x",
    roster=5,
    epoch=6,
    needs=[("stream", 1, 2)],
)


def named(name: str = NAME) -> SnapshotName:
    parsed = parse_snapshot_name(name)
    assert parsed is not None
    return parsed


def seal_part(
    part: PrivatePart = PART,
    kind: SegmentKind = SegmentKind.PRIVATE_PART,
    number: int = PRIVATE_PART_NUMBER,
    session: SessionId = SESSION,
) -> bytes:
    frame = build_frame(encode(part), Compressor(LEVELS["fast"]))
    return seal_example(frame, kind=kind, number=number, session=session).stored


def build(catalog: CatalogPart = FULL, private: bytes | None = None) -> bytes:
    return build_snapshot(
        vault_id=VAULT,
        domain=DOMAIN,
        snapshot=ID,
        session=SESSION,
        member=MEMBER,
        catalog_key=CATALOG,
        catalog=catalog,
        private_segment=seal_part() if private is None else private,
        signing_key=SIGNER,
    )


BUILT = build()


def record_of(raw: RawCommit) -> SnapshotRecord:
    return SnapshotRecord(
        name=NAME,
        snapshot=raw.snapshot,
        session=raw.session,
        member=raw.member,
        domain=raw.header.domain,
        catalog=raw.open_catalog((CATALOG,)),
        private_segment=raw.private_segment,
        content_hash=b"",
    )


def test_a_snapshot_says_everything_again() -> None:
    raw = parse_snapshot(BUILT, named(), VAULT)
    raw.verify(PUBLIC)

    assert raw.open_catalog((bytes(32), CATALOG)) == FULL
    assert open_private_part(record_of(raw), PRIVATE) == PART
    assert not record_of(raw).is_complete
    assert commit_kind(BUILT) is ObjectKind.SNAPSHOT


def test_a_snapshot_without_anything_optional_is_one_too() -> None:
    least = CatalogPart(sequence=1, time_ms=0, host="", stack="")

    assert parse_snapshot(build(least), named(), VAULT).open_catalog((CATALOG,)) == least


def test_the_catalog_key_opens_the_catalog_part_only() -> None:
    raw = parse_snapshot(BUILT, named(), VAULT)

    with pytest.raises(WrongKey):
        raw.open_catalog((bytes(32),))
    assert b"for the reader" not in BUILT
    assert b"/srv" not in BUILT


@pytest.mark.parametrize(
    "name",
    [
        snapshot_name(MEMBER, SnapshotId(bytes(16)), SESSION),
        snapshot_name(MEMBER, ID, SessionId(bytes(16))),
        f"snapshots/{'00' * 8}/{ID.hex()}.{SESSION.hex()}",
    ],
)
def test_a_renamed_snapshot_is_damage(name: str) -> None:
    with pytest.raises(VaultDamaged):
        parse_snapshot(BUILT, named(name), VAULT)


def test_a_snapshot_of_another_vault_is_damage() -> None:
    with pytest.raises(VaultDamaged):
        parse_snapshot(BUILT, named(), VaultId(bytes(16)))


def test_a_snapshot_that_its_member_did_not_sign_is_foreign() -> None:
    raw = parse_snapshot(BUILT, named(), VAULT)
    with pytest.raises(ForeignObject):
        raw.verify(verify_key(bytes(32)))

    changed = bytearray(BUILT[:-32])
    changed[-100] ^= 1  # in the private part
    with pytest.raises(ForeignObject):
        parse_snapshot(with_sum(bytes(changed)), named(), VAULT).verify(PUBLIC)


@pytest.mark.parametrize("offset", [88, 92])
@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1])
def test_lengths_that_do_not_add_up_are_damage(offset: int, value: int) -> None:
    content = BUILT[:offset] + value.to_bytes(4, "little") + BUILT[offset + 4 : -32]

    with pytest.raises(VaultDamaged):
        parse_snapshot(with_sum(content), named(), VAULT)


@pytest.mark.parametrize("size", [0, 31, 32, 80, 127, 159])
def test_a_snapshot_that_is_cut_short_is_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        parse_snapshot(BUILT[:size], named(), VAULT)
    with pytest.raises(VaultDamaged):
        parse_snapshot(with_sum(BUILT[:size]), named(), VAULT)


@pytest.mark.parametrize(
    "private",
    [
        seal_part(session=SessionId(bytes(16))),
        seal_part(number=0),
        seal_part(kind=SegmentKind.DATA),
        seal_part()[:-1],
        b"",
    ],
)
def test_a_private_part_that_is_not_this_snapshots_own_is_damage(private: bytes) -> None:
    raw = parse_snapshot(build(private=private), named(), VAULT)

    with pytest.raises(VaultDamaged):
        open_private_part(record_of(raw), PRIVATE)


def test_a_void_is_of_one_name_and_one_keeper() -> None:
    void = build_void(vault_id=VAULT, run=b"r" * 16, keeper=MEMBER, name=NAME, signing_key=SIGNER)
    record, signed, signature = parse_void(void, NAME, VAULT)

    verify_signature(PUBLIC, "void", signed, signature)
    assert (record.run, record.keeper) == (b"r" * 16, MEMBER)
    assert commit_kind(void) is ObjectKind.VOID
    _, other, _ = parse_void(void, snapshot_name(MEMBER, ID, SessionId(bytes(16))), VAULT)
    with pytest.raises(ForeignObject):
        verify_signature(PUBLIC, "void", other, signature)
    with pytest.raises(VaultDamaged):
        parse_void(with_sum(void[:-33]), NAME, VAULT)
    with pytest.raises(VaultDamaged):
        parse_void(BUILT, NAME, VAULT)


@pytest.mark.parametrize("content", [b"", bytes(48), BUILT[:5] + b"\x01" + BUILT[6:], BUILT[:5] + b"\xff" + BUILT[6:]])
def test_what_is_no_commit_record_has_no_kind(content: bytes) -> None:
    with pytest.raises(VaultDamaged):
        commit_kind(content)


def test_names_of_snapshots_are_taken_apart_and_others_are_not() -> None:
    parsed = named()

    assert (parsed.member, parsed.snapshot, parsed.session) == (MEMBER, ID, SESSION)
    for name in (
        "snapshots",
        "snapshots/ab/cd.ef",
        NAME + WITHDRAWN_SUFFIX,
        NAME + "00",
        NAME.replace(".", "-"),
        NAME + "/more",
        f"snapshots/{MEMBER.hex()}/{ID.hex()}",
        f"snapshots/{MEMBER.hex()}/zz{ID.hex()[2:]}.{SESSION.hex()}",
    ):
        assert parse_snapshot_name(name) is None


def test_a_record_has_one_name_only() -> None:
    head, rest = NAME.split("/", 1)

    assert parse_snapshot_name(f"{head}/{rest.upper()}") is None


def test_what_may_end_a_record_is_listed_with_it() -> None:
    store = MemoryStore(ManualClock())
    alone = snapshot_name(MEMBER, SnapshotId(bytes(16)), SESSION)
    first, second = NAME + WITHDRAWN_SUFFIX, NAME + WITHDRAWN_SUFFIX + "." + "a" * 32
    stray = snapshot_name(MEMBER, SnapshotId(bytes([1] * 16)), SESSION) + WITHDRAWN_SUFFIX
    for name in (NAME, first, second, NAME + ".else", alone, stray, "snapshots/unknown"):
        store.put_if_absent(ObjectName(name), b"x")

    for found in (list(list_snapshot_names(store)), list(list_snapshot_names(store, MEMBER))):
        beside = {str(name.name): [info.name for info in name.beside] for name in found}
        assert beside == {alone: [], NAME: [first, second]}


@given(seed=seeds)
@tries(120)
def test_a_spoilt_snapshot_is_damage_at_once(seed: int) -> None:
    spoilt = spoil(SNAPSHOT, seed)
    if spoilt != SNAPSHOT:
        with pytest.raises(VaultDamaged):
            parse_snapshot(spoilt, snapshot_name_of_vector(), VAULT)


@given(seed=seeds)
@tries(120)
def test_a_snapshot_spoilt_with_a_good_sum_raises_only_errors_of_ours(seed: int) -> None:
    for content in (SNAPSHOT, VOID):
        spoilt = with_sum(spoil(content[:-32], seed))
        try:
            if commit_kind(spoilt) is ObjectKind.VOID:
                parse_void(spoilt, NAME, VAULT)
            else:
                raw = parse_snapshot(spoilt, snapshot_name_of_vector(), VAULT)
                raw.open_catalog((CATALOG,))
                open_private_part(record_of(raw), PRIVATE)
        except RebondError:
            continue


@given(seed=seeds)
@tries(120)
def test_parts_that_a_key_holder_made_up_are_parts_or_damage(seed: int) -> None:
    for part, kind in ((FULL, CatalogPart), (PART, PrivatePart)):
        try:
            assert isinstance(decode(spoil(encode(part), seed), kind), kind)
        except (VaultDamaged, FormatTooNew):
            continue
