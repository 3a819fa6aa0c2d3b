import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vault.owned_vault import CHEAP

from rebond.errors import RebondError, UsageError, VaultDamaged, WrongKey
from rebond.identifiers import VaultId
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.primitives import sealing_public_bytes
from rebond.vault.records import decode, encode
from rebond.vault.recovery_keys import ALPHABET, looks_like_recovery_key, print_recovery_key, read_recovery_key
from rebond.vault.signed_objects import frame_record, split_record
from rebond.vault.slots import (
    Argon2Cost,
    NewSlot,
    SlotMethod,
    SlotSecret,
    derive_slot_key,
    key_file_secret,
    make_slot,
    open_slot,
    parse_slot,
    passphrase_secret,
    recovery_key_secret,
    secret_from_text,
)

VAULT = VaultId(b"v" * 16)
OWNER = b"o" * 32
KEY = bytes(range(100, 132))
SECRETS = [
    passphrase_secret("a long passphrase"),
    recovery_key_secret(print_recovery_key(KEY)),
    key_file_secret(KEY),
]


def a_slot(secret: SlotSecret = SECRETS[0], cost: Argon2Cost = CHEAP) -> NewSlot:
    return make_slot(VAULT, OWNER, secret, now_ms=5, label="desk", cost=cost)


@pytest.mark.parametrize("secret", SECRETS, ids=lambda s: s.method.value)
def test_a_slot_is_opened_by_its_secret_and_by_no_other(secret: SlotSecret) -> None:
    made = a_slot(secret)
    slot = parse_slot(made.content, VAULT)

    assert (slot.id, slot.label, slot.made_ms, slot.owner_verify_key) == (made.id, "desk", 5, OWNER)
    seed = open_slot(slot, secret)
    assert seed == made.seed
    assert sealing_public_bytes(made.seed) == slot.public == made.public
    assert made.seed not in made.content
    for other in SECRETS:
        if other != secret:
            assert open_slot(slot, other) is None
    assert open_slot(slot, passphrase_secret("a long passphrasf")) is None


def test_a_recovery_key_and_a_key_file_of_the_same_bytes_are_different_secrets() -> None:
    slot = parse_slot(a_slot(SECRETS[1]).content, VAULT)
    forged = SlotSecret(method=SlotMethod.RECOVERY_KEY, material=SECRETS[2].material)

    assert open_slot(slot, forged) is not None  # the same method and bytes: the same secret
    assert open_slot(slot, SECRETS[2]) is None


def test_a_passphrase_typed_in_two_unicode_forms_is_the_same() -> None:
    text = "clé de forêt"
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text

    slot = parse_slot(a_slot(passphrase_secret(text)).content, VAULT)
    assert open_slot(slot, passphrase_secret(decomposed)) is not None


def test_an_empty_passphrase_and_a_short_key_file_are_refused() -> None:
    with pytest.raises(UsageError):
        passphrase_secret("")
    with pytest.raises(UsageError):
        passphrase_secret("\udcff")
    with pytest.raises(WrongKey):
        key_file_secret(b"x" * 31)


@pytest.mark.parametrize(
    "cost",
    [
        Argon2Cost(memory_kib=256 * 1024 + 1),
        Argon2Cost(memory_kib=2**40),
        Argon2Cost(passes=11),
        Argon2Cost(passes=0),
        Argon2Cost(lanes=17),
        Argon2Cost(lanes=0),
        Argon2Cost(lanes=-1),
        Argon2Cost(memory_kib=31, lanes=4),
    ],
    ids=repr,
)
def test_absurd_derivation_parameters_are_refused_before_they_cost_anything(cost: Argon2Cost) -> None:
    content = _with_cost(a_slot().content, cost)
    slot = parse_slot(content, VAULT)

    before = time.process_time()
    with pytest.raises(VaultDamaged, match="absurd"):
        open_slot(slot, SECRETS[0])
    assert time.process_time() - before < 0.05


def _with_cost(content: bytes, cost: Argon2Cost) -> bytes:
    framed = split_record(content, ObjectKind.SLOT)
    record = decode(framed.record, dict)
    record["argon2"] = cost
    return with_sum(frame_record(ObjectKind.SLOT, VAULT, encode(record)) + framed.rest)


def test_a_slot_whose_owner_was_altered_does_not_open() -> None:
    framed = split_record(a_slot().content, ObjectKind.SLOT)
    record = decode(framed.record, dict)
    record["owner"] = b"t" * 32
    altered = with_sum(frame_record(ObjectKind.SLOT, VAULT, encode(record)) + framed.rest)

    with pytest.raises(VaultDamaged):
        open_slot(parse_slot(altered, VAULT), SECRETS[0])


def test_a_slot_of_another_vault_is_not_taken() -> None:
    with pytest.raises(VaultDamaged, match="another vault"):
        parse_slot(a_slot().content, VaultId(b"w" * 16))


GOOD = a_slot().content


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_slots_never_raise_anything_but_our_errors(data: st.DataObject) -> None:
    content = bytearray(GOOD[:-32])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        slot = parse_slot(with_sum(bytes(content[:cut])), VAULT)
        if slot.cost is None or slot.cost.memory_kib <= 1024:
            open_slot(slot, SECRETS[0])
    except RebondError:
        pass


@given(st.binary(min_size=32, max_size=32))
def test_a_printed_recovery_key_reads_back(key: bytes) -> None:
    text = print_recovery_key(key)

    assert read_recovery_key(text) == key
    assert read_recovery_key(text.lower().replace("-", " ")) == key
    assert read_recovery_key(text.replace("0", "O").replace("1", "l").replace("V", "u")) == key
    assert looks_like_recovery_key(text)
    assert looks_like_recovery_key(text.replace("-", ""))
    assert secret_from_text(text).method is SlotMethod.RECOVERY_KEY


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 69), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_named_by_its_group(key: bytes, place: int, letter: str) -> None:
    letters = print_recovery_key(key).replace("-", "")
    typed = letters[:place] + letter + letters[place + 1 :]
    if typed == letters:
        return

    with pytest.raises(WrongKey) as raised:
        read_recovery_key(typed)
    assert f"Group {place // 5 + 1} " in raised.value.message
    assert letters[place // 5 * 5 : place // 5 * 5 + 5] not in raised.value.message


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 68))
def test_two_swapped_letters_are_noticed(key: bytes, place: int) -> None:
    letters = print_recovery_key(key).replace("-", "")
    typed = letters[:place] + letters[place + 1] + letters[place] + letters[place + 2 :]
    if typed != letters:
        with pytest.raises(WrongKey):
            read_recovery_key(typed)


def test_swapped_missing_and_repeated_groups_are_noticed() -> None:
    groups = print_recovery_key(KEY).split("-")

    with pytest.raises(WrongKey, match="Group 3"):
        read_recovery_key("-".join([*groups[:2], groups[3], groups[2], *groups[4:]]))
    with pytest.raises(WrongKey, match="65"):
        secret_from_text("-".join(groups[1:]))
    with pytest.raises(WrongKey, match="75"):
        secret_from_text("-".join([*groups, groups[0]]))


def test_a_recovery_key_whose_groups_are_right_but_whose_sum_is_not_is_noticed() -> None:
    first, second = print_recovery_key(KEY), print_recovery_key(bytes(32))
    mixed = "-".join([*first.split("-")[:13], second.split("-")[13]])

    with pytest.raises(WrongKey, match="together"):
        read_recovery_key(mixed)


def test_an_ordinary_passphrase_is_no_recovery_key() -> None:
    for text in ("correct horse battery staple", "x" * 70 + "!", "hunter2", "ABCDE-FGHJK", "abcde fghij klmno"):
        assert secret_from_text(text).method is SlotMethod.PASSPHRASE


def test_a_secret_does_not_show_itself() -> None:
    made = a_slot()

    assert "a long" not in repr(SECRETS[0])
    assert repr(made.seed)[2:-1] not in repr(made)


VECTOR = bytes(range(32))
VECTOR_TEXT = "000GD-40R4X-0M300-E209K-185G3-R38ED-1W811-24GKZ-2GAH1-C5RR2-34D1B-P70XX-3RFGZ-WRM1Y"


def test_a_printed_recovery_key_has_a_second_reader() -> None:
    """The format page's words, followed without the code above: 5 bits a letter, every fifth one checks."""
    value = {letter: number for number, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
    bits = "".join(f"{value[letter]:05b}" for group in VECTOR_TEXT.split("-")[:13] for letter in group[:4])

    assert bits[256:] == "0000"
    assert int(bits[:256], 2).to_bytes(32, "big") == VECTOR
    assert print_recovery_key(VECTOR) == VECTOR_TEXT


def test_whoever_tries_passphrases_pays_64_mib_and_three_passes_for_each() -> None:
    """In a process of its own: in that of the tests a derivation is cheap (see conftest.py)."""
    code = "from rebond.vault.slots import DEFAULT_COST as c; print(c.memory_kib, c.passes, c.lanes)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["65536", "3", "4"]


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (passphrase_secret("clé de forêt"), "e5f0a83492a39731aefb3d49fc19108b8755ea368fd53ed3d28b708478153aae"),
        (recovery_key_secret(VECTOR_TEXT), "145edd63af5681351e2ee1338484645e0ec7b623fad3ce0e0059878b83b2268f"),
        (key_file_secret(VECTOR), "9457af8ed49cba2aa78d95be490a46850dbab74117c5f05e686267fbaf681524"),
    ],
    ids=lambda value: value.method.value if isinstance(value, SlotSecret) else "",
)
def test_the_key_of_a_slot_never_changes_between_releases(secret: SlotSecret, expected: str) -> None:
    """256 KiB, 3 passes, 4 lanes, salt 20 21 … 3f; the passphrase is Argon2id of its UTF-8 bytes in NFC."""
    cost = Argon2Cost(memory_kib=256, passes=3, lanes=4)

    assert derive_slot_key(secret, bytes(range(32, 64)), cost).hex() == expected
