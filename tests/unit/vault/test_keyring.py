import contextlib
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.bounded import join
from tests.unit.vault.owned_vault import (
    CHEAP,
    KEY_FILE,
    OwnedVault,
    contents,
    copy_store,
    own_a_vault,
    replace_both,
    replace_object,
    secret,
)

from rebond.errors import (
    ConfigError,
    ForeignObject,
    FormatTooNew,
    RebondError,
    Refused,
    UnknownName,
    VaultDamaged,
    VaultMissing,
    WrongKey,
)
from rebond.findings import Finding
from rebond.identifiers import VaultId
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.vault.description import build_description, parse_description
from rebond.vault.headers import HEADER_SIZE, with_sum
from rebond.vault.key_slots import add_slot, find_slot, list_slots, remove_slot
from rebond.vault.keyring import (
    OpenKeyring,
    build_keyring,
    change_keyring,
    keyring_name,
    load_newest_keyring,
    open_keyring,
    parse_keyring,
)
from rebond.vault.opening import OpenedVault, VaultSecret, open_vault
from rebond.vault.pins import Pins
from rebond.vault.primitives import sealing_public_bytes, sign, signing_key
from rebond.vault.recovery_keys import print_recovery_key
from rebond.vault.roster import parse_roster
from rebond.vault.slots import (
    key_file_secret,
    make_slot,
    open_slot,
    parse_slot,
    passphrase_secret,
    recovery_key_secret,
    slot_name,
)

RECOVERY = recovery_key_secret


def open_with(store: Store, offered: VaultSecret) -> tuple[OpenedVault | None, str, list[str]]:
    """Open and return (vault, error message, codes of what was noticed)."""
    told: list[Finding] = []
    try:
        return open_vault(store, offered, notice=told.append), "", [f.code for f in told]
    except RebondError as error:
        return None, error.message, [f.code for f in told]


def test_passphrase_recovery_key_and_key_file_open_the_same_secrets() -> None:
    made = own_a_vault(with_file=True)
    secrets = made.created.keyring.secrets

    for offered in (secret(), RECOVERY(made.created.recovery_key), key_file_secret(KEY_FILE)):
        opened = open_vault(made.store, offered)
        assert opened.require_keyring().secrets == secrets
        assert opened.credentials.sealing_seeds == secrets.sealing_seeds
        assert opened.credentials.sealing_seed(1)
        assert opened.credentials.writing_domain() in secrets.domain_secrets
        assert opened.roster == made.created.roster


def test_nothing_secret_lies_in_the_vault_in_the_clear() -> None:
    made = own_a_vault(with_file=True)
    secrets = made.created.keyring.secrets
    hidden = [
        secrets.owner_seed,
        *secrets.sealing_seeds.values(),
        *secrets.catalog_roots,
        *secrets.domain_secrets.values(),
        made.created.keyring.slot_seed,
        KEY_FILE,
    ]
    for name, content in contents(made.store).items():
        assert not [s for s in hidden if s in content or s.hex().encode() in content], name


def test_the_wrong_secret_gets_one_message_whatever_slots_there_are() -> None:
    made = own_a_vault()
    messages = {
        open_with(made.store, offered)[1]
        for offered in (
            passphrase_secret("wrong"),
            passphrase_secret("also wrong"),
            RECOVERY(print_recovery_key(bytes(32))),
            key_file_secret(bytes(32)),  # there is no key file slot at all
        )
    }
    for info in list(made.store.list_objects("keys/")):
        replace_both(made.store, info.name, None)
    vault, message, codes = open_with(made.store, secret())  # the slots are gone

    assert vault is None
    assert {message} == messages
    assert codes == ["slot-missing", "slot-missing"]
    with pytest.raises(WrongKey) as raised:
        open_vault(made.store, secret())
    assert raised.value.exit_status == 12


def test_a_planted_slot_opens_nothing_and_is_reported() -> None:
    made = own_a_vault()
    description = made.created.description
    evil = passphrase_secret("evil")
    planted = make_slot(description.vault_id, description.owner_verify_key, evil, now_ms=0, cost=CHEAP)
    made.store.put_if_absent(planted.name, planted.content)

    assert open_with(made.store, evil)[0] is None
    vault, _, codes = open_with(made.store, secret())
    assert vault is not None
    assert codes == ["slot-stray"]
    slots = list_slots(made.store, vault.require_keyring())
    assert [(s.is_trusted, s.id == planted.id) for s in slots] == [(True, False), (True, False), (False, True)]

    keyring = made.created.keyring
    sealed = load_newest_keyring(made.store, keyring.vault_id, description.owner_verify_key)
    with pytest.raises(WrongKey):
        open_keyring(sealed, planted.id, planted.seed, description.owner_verify_key, description.hash)


def test_a_slot_that_only_a_damaged_keyring_names_is_not_told_to_be_removed() -> None:
    made = own_a_vault()
    another = passphrase_secret("another")
    add_slot(made.store, made.created.keyring, another, clock=made.clock, cost=CHEAP)
    replace_both(made.store, "keyring/2", b"rot")

    vault, _, codes = open_with(made.store, secret())

    assert vault is not None
    assert set(codes) == {"keyring-invalid"}


def test_a_planted_slot_under_the_id_of_a_trusted_one_opens_nothing() -> None:
    made = own_a_vault()
    description, keyring = made.created.description, made.created.keyring
    planted = make_slot(
        description.vault_id, description.owner_verify_key, passphrase_secret("evil"), now_ms=0, cost=CHEAP
    )
    sealed = load_newest_keyring(made.store, keyring.vault_id, description.owner_verify_key)

    with pytest.raises(WrongKey):
        open_keyring(sealed, keyring.opened_by, planted.seed, description.owner_verify_key, description.hash)


def test_a_keyring_that_somebody_else_made_is_no_keyring() -> None:
    made = own_a_vault()
    keyring = made.created.keyring
    thief = replace(keyring.secrets, owner_seed=b"T" * 32)
    forged = build_keyring(keyring.vault_id, 2, thief, keyring.trusted, keyring.description_hash)
    made.store.put_if_absent(keyring_name(2), forged)

    vault, _, codes = open_with(made.store, secret())
    assert vault is not None
    assert vault.require_keyring().number == 1
    assert codes == ["keyring-invalid"]


def test_a_whole_vault_of_a_thief_around_the_old_slot_is_not_opened() -> None:
    """The store keeps keys/ and replaces all the rest: same vault id, another owner's key, wrapped to the old slot."""
    made = own_a_vault()
    keyring, thief = made.created.keyring, signing_key(b"T" * 32)
    description = build_description(keyring.vault_id, thief, 0, {})
    stolen = replace(keyring.secrets, owner_seed=b"T" * 32, sealing_seeds={1: b"E" * 32})
    replace_object(made.store, "vault.json", description)
    replace_object(
        made.store,
        "keyring/1",
        build_keyring(keyring.vault_id, 1, stolen, keyring.trusted, parse_description(description).hash),
    )

    for offered in (secret(), RECOVERY(made.created.recovery_key)):
        vault, message, _ = open_with(made.store, offered)
        assert vault is None
        assert message == "This secret opens nothing in the vault."


def test_a_swapped_vault_json_is_noticed() -> None:
    made = own_a_vault()
    owner = signing_key(made.created.keyring.secrets.owner_seed)
    replace_object(made.store, "vault.json", build_description(made.created.vault_id, owner, 1, {"lies": True}))

    with pytest.raises(ForeignObject, match="swapped"):
        open_vault(made.store, secret())


def test_one_flipped_bit_of_vault_json_is_noticed() -> None:
    made = own_a_vault()
    content = made.store.read("vault.json")
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        with pytest.raises((VaultDamaged, ForeignObject, FormatTooNew)) as caught:
            parse_description(bytes(flipped))
        assert caught.value.hint


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_descriptions_never_raise_anything_but_our_errors(data: st.DataObject) -> None:
    content = bytearray(DESCRIPTION)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with pytest.raises(RebondError):
        parse_description(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with pytest.raises(RebondError):
        parse_description(data.draw(st.binary(max_size=200)))


DESCRIPTION = build_description(VaultId(b"v" * 16), signing_key(b"O" * 32), 7, {"promises": {"race": True}})


def test_a_deeply_nested_vault_json_is_refused() -> None:
    with pytest.raises(VaultDamaged):
        parse_description(b"[" * 60_000)


def test_a_vault_json_that_is_too_large_is_not_read() -> None:
    store = MemoryStore()
    store.put_if_absent("vault.json", bytes(65 * 1024))

    with pytest.raises(VaultDamaged, match="not read"):
        open_vault(store, secret())


def test_no_vault_is_said_to_be_missing() -> None:
    with pytest.raises(VaultMissing) as raised:
        open_vault(MemoryStore(), secret())
    assert raised.value.exit_status == 10


def test_a_newer_format_is_refused_and_nothing_is_written() -> None:
    made = own_a_vault()
    content = made.store.read("vault.json").replace(b'"format": 1', b'"format": 2')
    replace_object(made.store, "vault.json", content)
    before = contents(made.store)

    with pytest.raises(FormatTooNew) as raised:
        open_vault(made.store, secret())
    assert raised.value.exit_status == 14
    assert contents(made.store) == before


@pytest.mark.parametrize("prefix", ["keys/", "keyring/", "roster/"])
def test_a_damaged_object_is_named_not_called_a_wrong_secret(prefix: str) -> None:
    made = own_a_vault()
    for info in list(made.store.list_objects(prefix)):
        content = bytearray(made.store.read(info.name))
        content[len(content) // 2] ^= 4
        replace_both(made.store, info.name, bytes(content))

    told: list[Finding] = []
    with pytest.raises(VaultDamaged) as raised:
        open_vault(made.store, secret(), notice=told.append)
    assert {finding.subject.removeprefix("spare/").split("/")[0] + "/" for finding in told} == {prefix}
    assert raised.value.hint  # whoever reads the document alone needs a way out too


@pytest.mark.parametrize("fate", ["missing", "damaged", "planted"])
def test_what_is_told_of_a_slot_names_the_command_that_takes_it_away(fate: str) -> None:
    made = own_a_vault()
    name = slot_name(made.created.keyring.opened_by)
    if fate != "planted":
        replace_both(made.store, name, b"rot" if fate == "damaged" else None)
    else:
        description = made.created.description
        slot = make_slot(
            description.vault_id, description.owner_verify_key, passphrase_secret("evil"), now_ms=0, cost=CHEAP
        )
        made.store.put_if_absent(slot.name, slot.content)
        name = slot.name

    told: list[Finding] = []
    vault = open_vault(made.store, RECOVERY(made.created.recovery_key), notice=told.append)

    (hint,) = {finding.hint for finding in told}
    (shown,) = re.findall(r"'rebond key remove (\w+)'", hint)
    keyring = vault.require_keyring()
    assert slot_name(find_slot(made.store, keyring, shown)) == name
    remove_slot(made.store, keyring, find_slot(made.store, keyring, shown))
    told.clear()
    open_vault(made.store, RECOVERY(made.created.recovery_key), notice=told.append)
    assert told == []


def test_a_damaged_slot_does_not_hinder_another() -> None:
    made = own_a_vault()
    passphrase_slot = slot_name(made.created.keyring.opened_by)
    replace_both(made.store, passphrase_slot, b"rot")

    vault, _, codes = open_with(made.store, RECOVERY(made.created.recovery_key))
    assert vault is not None
    assert codes == ["slot-damaged"]


# --- adding and removing slots


def reopened(made: OwnedVault, offered: VaultSecret | None = None) -> OpenKeyring:
    return open_vault(made.store, offered or secret()).require_keyring()


def test_an_added_slot_opens_the_vault_and_a_removed_one_does_not() -> None:
    made = own_a_vault()
    new = passphrase_secret("another")
    slot, changed = add_slot(made.store, made.created.keyring, new, clock=made.clock, label="bob", cost=CHEAP)
    assert open_vault(made.store, new).require_keyring() == replace(
        changed, opened_by=slot, slot_seed=reopened(made, new).slot_seed
    )

    old = made.created.keyring.opened_by
    remove_slot(made.store, reopened(made, new), old)

    assert open_with(made.store, secret())[0] is None
    assert open_with(made.store, new)[0] is not None
    assert open_with(made.store, RECOVERY(made.created.recovery_key))[0] is not None
    names = list(contents(made.store))
    assert [n for n in names if n.startswith("keyring/")] == ["keyring/3"]  # the removed slot opened the older ones
    assert slot_name(old) not in names


def test_the_last_slot_and_the_one_in_use_are_never_removed() -> None:
    made = own_a_vault()
    first = made.created.keyring.opened_by
    before = contents(made.store)

    with pytest.raises(Refused, match="this very slot"):
        remove_slot(made.store, made.created.keyring, first)
    recovery = next(slot for slot in made.created.keyring.trusted if slot != first)
    alone = remove_slot(made.store, made.created.keyring, recovery)
    with pytest.raises(Refused, match="last slot"):
        remove_slot(made.store, alone, first)
    assert slot_name(first) in before
    assert open_with(made.store, secret())[0] is not None


def test_removing_an_unknown_slot_is_an_error() -> None:
    made = own_a_vault()

    with pytest.raises(UnknownName):
        remove_slot(made.store, made.created.keyring, b"x" * 16)


def test_slots_are_found_by_label_or_beginning_of_their_id() -> None:
    made = own_a_vault()
    keyring = made.created.keyring

    assert find_slot(made.store, keyring, "passphrase") == keyring.opened_by
    assert find_slot(made.store, keyring, keyring.opened_by.hex()[:12]) == keyring.opened_by
    for text in ("nobody", ""):
        with pytest.raises(UnknownName):
            find_slot(made.store, keyring, text)


def test_listing_slots_shows_what_is_wrong_with_them() -> None:
    made = own_a_vault()
    first, second = made.created.keyring.trusted
    replace_both(made.store, slot_name(first), made.store.read(slot_name(second)))
    replace_both(made.store, slot_name(second), None)

    assert ["renamed" in s.fault or "not" in s.fault.lower() for s in list_slots(made.store, made.created.keyring)] == [
        True,
        True,
    ]


def test_two_owners_who_add_slots_at_once_both_succeed() -> None:
    made = own_a_vault()
    stale = made.created.keyring  # what the second owner opened before the first one's change
    add_slot(made.store, stale, passphrase_secret("first"), clock=made.clock, cost=CHEAP)
    add_slot(made.store, stale, passphrase_secret("second"), clock=made.clock, cost=CHEAP)

    for text in ("first", "second"):
        assert open_with(made.store, passphrase_secret(text))[0] is not None


def test_a_change_of_the_keyring_that_changes_nothing_puts_nothing() -> None:
    made = own_a_vault()

    assert change_keyring(made.store, made.created.keyring, lambda k: k) == made.created.keyring
    assert [n for n in contents(made.store) if n.startswith("keyring/")] == ["keyring/1"]


# --- pins


def test_a_vault_that_was_rolled_back_is_refused(tmp_path: Path) -> None:
    made = own_a_vault()
    pins = Pins(tmp_path / "state")
    older = copy_store(made.store)
    add_slot(made.store, made.created.keyring, passphrase_secret("another"), clock=made.clock, cost=CHEAP)

    opened = open_vault(made.store, secret(), pins=pins)
    assert pins.find(opened.description.vault_id) is not None
    with pytest.raises(VaultDamaged, match="rolled back"):
        open_vault(older, secret(), pins=pins)
    open_vault(older, secret())  # a machine that never saw the newer one cannot know


def test_another_owner_s_key_is_refused_by_a_machine_that_knows_the_vault(tmp_path: Path) -> None:
    made = own_a_vault()
    pins = Pins(tmp_path)
    pins.remember(made.created.vault_id, b"x" * 32, roster=1)

    with pytest.raises(ForeignObject, match="replaced"):
        open_vault(made.store, secret(), pins=pins)
    with pytest.raises(ForeignObject):
        pins.remember(made.created.vault_id, b"y" * 32, roster=9)


def test_pins_only_rise(tmp_path: Path) -> None:
    pins, vault = Pins(tmp_path), VaultId(b"v" * 16)
    pins.remember(vault, b"o" * 32, roster=5, keyring=2)
    pins.remember(vault, b"o" * 32, roster=3, keyring=7)

    found = Pins(tmp_path).find(vault)
    assert found is not None
    assert (found.roster, found.keyring) == (5, 7)
    assert {p.name for p in tmp_path.iterdir()} == {"lock", f"{vault.hex()}.json"}


def test_a_pin_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    made = own_a_vault()
    pins = Pins(tmp_path)
    for rubbish in (b"", b"{", b"[]", b'{"owner_verify_key": "zz", "roster": 1, "keyring": 1}', b"\xff"):
        pins.path(made.created.vault_id).write_bytes(rubbish)
        with pytest.raises(ConfigError) as caught:
            open_vault(made.store, secret(), pins=pins)
        assert "fingerprint" in caught.value.hint
    pins.path(made.created.vault_id).unlink()
    pins.path(made.created.vault_id).mkdir()
    with pytest.raises(ConfigError) as caught:
        open_vault(made.store, secret(), pins=pins)
    assert "REBOND_STATE_DIR" in caught.value.hint, "what the system refuses is no forgery"


def test_a_state_directory_that_cannot_be_written_does_not_hinder_a_restore(tmp_path: Path) -> None:
    made = own_a_vault()
    (tmp_path / "file").write_bytes(b"")
    told: list[Finding] = []

    open_vault(made.store, secret(), pins=Pins(tmp_path / "file" / "below"), notice=told.append)
    assert [finding.code for finding in told] == ["pins-not-kept"]


# --- fuzz


MADE = own_a_vault()
GOOD = MADE.store.read("keyring/1")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_keyrings_never_raise_anything_but_our_errors(data: st.DataObject) -> None:
    """The owner's signature is made over the mutation, so that every check behind it is reached."""
    keyring, owner = MADE.created.keyring, MADE.created.description.owner_verify_key
    body = bytearray(GOOD[:-96])
    spots = st.integers(HEADER_SIZE, HEADER_SIZE + 40) | st.integers(HEADER_SIZE, len(body) - 1)
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(spots)] = data.draw(st.integers(0, 255))
    signed = with_sum(bytes(body) + sign(signing_key(keyring.secrets.owner_seed), "keyring", body))
    try:
        sealed = parse_keyring(signed, 1, keyring.vault_id, owner)
        open_keyring(sealed, keyring.opened_by, keyring.slot_seed, owner, keyring.description_hash)
    except RebondError:
        pass


def test_every_byte_is_covered_by_a_signature_or_a_seal_also_when_the_sum_is_made_anew() -> None:
    keyring, owner = MADE.created.keyring, MADE.created.description.owner_verify_key

    def judge(name: str, content: bytes) -> bool:
        if name.startswith("keyring"):
            return parse_keyring(content, 1, keyring.vault_id, owner) is not None
        if name.startswith("roster"):
            return parse_roster(content, 1, owner) is not None
        return open_slot(parse_slot(content, keyring.vault_id), secret()) is not None

    for name in ("keyring/1", "roster/1", slot_name(keyring.opened_by)):
        body = MADE.store.read(name)[:-32]
        assert judge(name, with_sum(body))
        for place in range(0, len(body), 3):
            flipped = bytearray(body)
            flipped[place] ^= 1
            with contextlib.suppress(RebondError):
                assert not judge(name, with_sum(bytes(flipped))), (name, place)


def test_a_slot_seed_gives_the_public_key_that_the_keyring_trusts() -> None:
    keyring = MADE.created.keyring

    assert keyring.trusted[keyring.opened_by] == sealing_public_bytes(keyring.slot_seed)


# --- power cuts


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut_at", range(4))  # the slot and the keyring, each with its copy
def test_adding_a_slot_that_is_cut_leaves_a_vault_that_opens_and_may_be_repeated(cut_at: int, after: bool) -> None:
    made = own_a_vault()
    new = passphrase_secret("another")
    store = CuttingStore(made.store, cut_at=cut_at, after=after)
    with pytest.raises(PowerCut):
        add_slot(store, made.created.keyring, new, clock=made.clock, cost=CHEAP)

    keyring = reopened(made)
    assert (open_with(made.store, new)[0] is not None) == ((cut_at, after) >= (2, True))
    add_slot(made.store, keyring, new, clock=made.clock, cost=CHEAP)
    assert open_with(made.store, new)[0] is not None


REMOVAL_WRITES = 11  # the new keyring, two older ones, the slot, each with its copy, which is deleted twice


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut_at", range(REMOVAL_WRITES))
def test_removing_a_slot_that_is_cut_leaves_a_vault_that_opens_and_may_be_repeated(cut_at: int, after: bool) -> None:
    made = own_a_vault()
    new = passphrase_secret("another")
    slot, keyring = add_slot(made.store, made.created.keyring, new, clock=made.clock, cost=CHEAP)
    with pytest.raises(PowerCut):
        remove_slot(CuttingStore(made.store, cut_at=cut_at, after=after), keyring, slot)

    is_out = cut_at > 0 or after
    assert (open_with(made.store, new)[0] is None) == is_out
    keyring = reopened(made)
    if slot in keyring.trusted or slot_name(slot) in contents(made.store):
        remove_slot(made.store, keyring, slot)
    assert open_with(made.store, new)[0] is None
    assert open_with(made.store, secret())[0] is not None
    assert open_with(made.store, RECOVERY(made.created.recovery_key))[0] is not None
    assert not {f"{at}{n}" for at in ("", "spare/") for n in ("keyring/1", "keyring/2", slot_name(slot))} & set(
        contents(made.store)
    ), "nothing is left that the removed key could open"


def test_the_number_of_writes_of_a_removal_is_the_one_the_cuts_go_through() -> None:
    made = own_a_vault()
    slot, keyring = add_slot(made.store, made.created.keyring, secret(), clock=made.clock, cost=CHEAP)
    store = CuttingStore(made.store)
    remove_slot(store, keyring, slot)

    assert store.writes == REMOVAL_WRITES


def test_older_keyrings_stay_when_the_new_one_does_not_read_back() -> None:
    made = own_a_vault()
    slot, keyring = add_slot(made.store, made.created.keyring, secret(), clock=made.clock, cost=CHEAP)

    class Rotting(CuttingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            super().put_if_absent(name, bytes(content[:-1]) + bytes([content[-1] ^ 1]))

    with pytest.raises(VaultDamaged):
        remove_slot(Rotting(made.store), keyring, slot)
    assert {"keyring/1", "keyring/2", slot_name(slot)} <= set(contents(made.store))
    assert open_with(made.store, secret())[0] is not None


def test_pins_that_many_processes_raise_at_once_end_at_the_highest(tmp_path: Path) -> None:
    vault = VaultId(b"v" * 16)
    threads = [
        threading.Thread(target=lambda n=n: Pins(tmp_path).remember(vault, b"o" * 32, roster=n, keyring=100 - n))
        for n in range(1, 21)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)

    found = Pins(tmp_path).find(vault)
    assert found is not None
    assert (found.roster, found.keyring) == (20, 99)
