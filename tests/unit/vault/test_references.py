import time
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import (
    CATALOG,
    DOMAIN,
    REFERENCES,
    REFERENCES_BODY,
    SESSION,
    VAULT,
    seeds,
    spoil,
    tries,
)

from rebond.errors import FormatTooNew, RebondError, VaultDamaged, WrongKey
from rebond.identifiers import SessionId, VaultId
from rebond.vault.primitives import hash_of
from rebond.vault.references import (
    References,
    bitmap_of,
    build_references,
    decode_references,
    encode_references,
    numbers_in,
    open_references,
    references_name,
    seal_references,
)

PLAIN_BODY = zstandard.ZstdDecompressor().decompress(REFERENCES_BODY)
sessions = st.binary(min_size=16, max_size=16).map(SessionId)
uses_of_all = st.dictionaries(
    sessions, st.dictionaries(st.integers(0, 3000), st.integers(0, 300), max_size=8), max_size=4
)


@given(uses=uses_of_all)
@tries(60)
def test_references_hold_exactly_the_segments_that_were_used(uses: dict[SessionId, dict[int, int]]) -> None:
    references = decode_references(encode_references(build_references(uses)))
    used = sorted((session, number) for session, numbers in uses.items() for number in numbers)

    assert list(references) == used
    assert len(references) == len(used)
    assert all(segment in references for segment in used)
    assert list(references.fill) == [min(255, uses[session][number]) for session, number in used]


def test_what_is_not_referred_to_is_not_in_them() -> None:
    references = build_references({SESSION: {5: 1}})

    assert (SESSION, 4) not in references
    assert (SESSION, 5000) not in references
    assert (bytes(16), 5) not in references


@given(numbers=st.sets(st.integers(0, 5000), max_size=30))
@tries(40)
def test_a_bitmap_tells_its_numbers_in_order(numbers: set[int]) -> None:
    assert list(numbers_in(bitmap_of(numbers))) == sorted(numbers)


def test_the_same_uses_give_the_same_body_in_any_order() -> None:
    first = {SESSION: {1: 2, 9: 3}, SessionId(bytes(16)): {4: 5}}
    second = {SessionId(bytes(16)): {4: 5}, SESSION: {9: 3, 1: 2}}

    assert encode_references(build_references(first)) == encode_references(build_references(second))


def test_sealed_references_open_with_their_domains_key_in_their_vault() -> None:
    body = encode_references(build_references({SESSION: {0: 255}}))
    content = seal_references(VAULT, DOMAIN, CATALOG, body)

    assert list(open_references(content, VAULT, (bytes(32), CATALOG))) == [(SESSION, 0)]
    assert references_name(DOMAIN, content) == f"references/{DOMAIN.hex()}/{hash_of(content).hex()}"
    with pytest.raises(WrongKey):
        open_references(content, VAULT, (bytes(32),))
    with pytest.raises(VaultDamaged):
        open_references(content, VaultId(bytes(16)), (CATALOG,))
    with pytest.raises(VaultDamaged):
        open_references(content[:40] + b"\1" + content[41:], VAULT, (CATALOG,))
    with pytest.raises(FormatTooNew):
        open_references(content[:4] + b"\2" + content[5:], VAULT, (CATALOG,))


def body_of(value: object) -> bytes:
    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(value))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not compressed",
        zstandard.ZstdCompressor().compress(b""),
        zstandard.ZstdCompressor(write_content_size=False).compress(b"\x81\xa4need\x90"),
        body_of([]),
        body_of({"need": [[b"short", b"\1"]]}),
        body_of({"need": [[bytes(16), b"\1"], [bytes(16), b"\2"]]}),
        body_of({"need": [[bytes(16)]]}),
        body_of({"fill": b""}),
    ],
)
def test_a_malformed_body_is_damage(body: bytes) -> None:
    with pytest.raises(VaultDamaged):
        decode_references(body)


def test_a_body_that_claims_too_much_is_damage_before_it_costs_memory() -> None:
    claim = zstandard.ZstdCompressor().compress(bytes(257 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(VaultDamaged):
            decode_references(claim)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_bitmap_beyond_what_a_session_can_hold_is_damage() -> None:
    """Some 10 kB from a writer's key; whoever lists what is needed then lists millions of segments."""
    bomb = body_of({"need": [[bytes(16), b"\xff" * (8 << 20)]]})
    assert len(bomb) < 10_000

    with pytest.raises(VaultDamaged):
        decode_references(bomb)


@given(seed=seeds)
@tries(100)
def test_spoilt_references_raise_only_errors_of_ours(seed: int) -> None:
    began = time.perf_counter()
    cases: list[tuple[Callable[[bytes], References], bytes]] = [
        (decode_references, REFERENCES_BODY),
        (lambda body: open_references(body, VAULT, (CATALOG,)), REFERENCES),
        (lambda plain: decode_references(zstandard.ZstdCompressor().compress(plain)), PLAIN_BODY),
    ]
    for decode, content in cases:
        try:
            list(decode(spoil(content, seed)))
        except RebondError:
            continue
    assert time.perf_counter() - began < 5
