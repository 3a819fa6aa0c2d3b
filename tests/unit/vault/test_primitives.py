import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import PRIVATE, PUBLIC, SIGNER, SIGNING_SEED, seeds, spoil, tries

from rebond.errors import ForeignObject, RebondError, VaultDamaged, WrongKey
from rebond.vault.primitives import (
    SEAL_OVERHEAD,
    WRAP_SIZE,
    decrypt_once,
    derive,
    encrypt_once,
    key_tag,
    open_seal,
    seal,
    sealing_private_key,
    sealing_public_bytes,
    sealing_public_key,
    sign,
    unwrap,
    verify_key,
    verify_signature,
    wrap,
)

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


@given(content=st.binary(max_size=300), clear=st.binary(max_size=80))
@tries(30)
def test_what_is_sealed_opens_again_and_is_52_bytes_longer(content: bytes, clear: bytes) -> None:
    sealed = seal(KEY, "slot", content, clear)

    assert open_seal([OTHER, KEY], "slot", sealed, clear) == content
    assert len(sealed) == len(content) + SEAL_OVERHEAD == len(content) + 52


def test_sealing_the_same_twice_shows_nothing_in_common_but_the_key_tag() -> None:
    first, second = seal(KEY, "slot", b"same"), seal(KEY, "slot", b"same")

    assert first[:4] == second[:4] == key_tag(KEY)
    assert first[4:36] != second[4:36]
    assert first[36:] != second[36:]


@pytest.mark.parametrize("offset", [4, 35, 36, 40, -1])
def test_a_changed_byte_of_a_seal_is_damage(offset: int) -> None:
    sealed = bytearray(seal(KEY, "slot", b"content", b"clear"))
    sealed[offset] ^= 1

    with pytest.raises(VaultDamaged):
        open_seal([KEY], "slot", bytes(sealed), b"clear")


def test_a_seal_is_bound_to_its_word_and_its_clear_bytes() -> None:
    sealed = seal(KEY, "tail", b"content", b"clear")

    for word, clear in (("index", b"clear"), ("tail", b"other"), ("tail", b"")):
        with pytest.raises(VaultDamaged):
            open_seal([KEY], word, sealed, clear)


def test_a_seal_for_nobody_here_is_no_damage() -> None:
    with pytest.raises(WrongKey):
        open_seal([OTHER], "tail", seal(KEY, "tail", b"content"))
    with pytest.raises(WrongKey):
        open_seal([], "tail", seal(KEY, "tail", b"content"))


@pytest.mark.parametrize("size", [0, 3, SEAL_OVERHEAD - 1])
def test_a_seal_that_is_too_short_is_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        open_seal([KEY], "tail", seal(KEY, "tail", b"")[:size])


def test_a_wrap_is_for_one_key_and_one_purpose() -> None:
    wrapped = wrap(PUBLIC, b"purpose", KEY)
    stranger = sealing_private_key(OTHER)

    assert len(wrapped) == WRAP_SIZE
    assert unwrap(PRIVATE, b"purpose", wrapped) == KEY
    for private, info in ((PRIVATE, b"other"), (stranger, b"purpose")):
        with pytest.raises(WrongKey):
            unwrap(private, info, wrapped)


@given(seed=seeds)
@tries(25)
def test_a_spoilt_wrap_never_opens_and_never_raises_anything_else(seed: int) -> None:
    wrapped = wrap(PUBLIC, b"purpose", KEY)
    spoilt = spoil(wrapped, seed)
    if spoilt != wrapped:
        with pytest.raises(WrongKey):
            unwrap(PRIVATE, b"purpose", spoilt)


@pytest.mark.parametrize("size", [0, 31, 1215, 1217])
def test_a_public_key_of_the_wrong_size_is_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        sealing_public_key(bytes(size))


def test_a_public_key_that_is_no_key_is_an_error_of_ours() -> None:
    """FIPS 203 tells to check that the coefficients are below the modulus."""
    with pytest.raises(RebondError):
        sealing_public_key(b"\xff" * 1216)


def test_the_public_half_of_a_seed_is_always_the_same() -> None:
    assert sealing_public_bytes(KEY) == sealing_public_bytes(KEY) != sealing_public_bytes(OTHER)
    assert len(sealing_public_bytes(KEY)) == 1216


def test_a_signature_is_of_one_key_one_kind_and_one_content() -> None:
    public = verify_key(SIGNING_SEED)
    signature = sign(SIGNER, "void", b"content")
    verify_signature(public, "void", b"content", signature)

    for key, kind, content in (
        (verify_key(KEY), "void", b"content"),
        (public, "mark", b"content"),
        (public, "void", b"contenT"),
        (b"\xff" * 32, "void", b"content"),
        (b"short", "void", b"content"),
    ):
        with pytest.raises(ForeignObject):
            verify_signature(key, kind, content, signature)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_the_wrong_size_is_foreign(size: int) -> None:
    with pytest.raises(ForeignObject):
        verify_signature(verify_key(SIGNING_SEED), "void", b"content", bytes(size))


def test_keys_for_different_purposes_have_nothing_in_common() -> None:
    labels = ("data id", "tree id", "chunk table", "chunker", "catalog", "names", "runs", "slot check", "key tag")

    assert len({derive(label, KEY) for label in labels}) == len(labels)


def test_what_is_encrypted_once_is_bound_to_its_header() -> None:
    sealed = encrypt_once(KEY, b"content", b"header")

    assert decrypt_once(KEY, sealed, b"header") == b"content"
    for content, bound in ((sealed, b"headeR"), (sealed[:-1], b"header"), (b"", b"header"), (b"short", b"header")):
        with pytest.raises(VaultDamaged):
            decrypt_once(KEY, content, bound)
