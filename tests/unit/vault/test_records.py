import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import tries

from rebond.errors import VaultDamaged
from rebond.vault.records import decode, encode


class Example(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record like any other."""

    number: int
    names: list[str] = []
    pairs: list[tuple[bytes, int]] = []


def test_a_record_comes_back_and_leaves_defaults_out() -> None:
    record = Example(number=5, pairs=[(b"\xff", 1)])

    assert decode(encode(record), Example) == record
    assert encode(Example(number=5)) == b"\x81\xa6number\x05"


def test_unknown_keys_are_ignored() -> None:
    assert decode(b"\x82\xa6number\x05\xa5later\x93\x01\x02\x03", Example) == Example(number=5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"\x81\xa6number\xa15",
        b"\x81\xa6number\x05\x00",
        b"\x82\xa6number\x05\xa6number\x06",
        b"\xde\x00\x02\xa6number\x05\xa6number\x06",
        b"\xdf\x00\x00\x00\x02\xa6number\x05\xa6number\x06",
        b"\x82\xa6number\x05\xa5later",
        b"\x82\xa6number\x05\x91\x01\x02",
        b"\x82\xa6number\x05\xa5later\xd6\xff\xff\xff\xff\xff",
        b"\x82\xa6number\x05\xa5later\xc7\x0c\xff" + b"\xff" * 12,
        b"\x82\xa6number\x05\xa5later\xa2\xff\xfe",
        b"\xc1",
    ],
)
def test_what_is_malformed_is_damage_also_where_the_key_is_unknown(content: bytes) -> None:
    if content == b"\x82\xa6number\x05\xa5later\xd6\xff\xff\xff\xff\xff":
        assert decode(content, Example) == Example(number=5)  # a time: well formed, and unknown
        return
    with pytest.raises(VaultDamaged):
        decode(content, Example)


def test_a_record_nested_beyond_reason_is_damage() -> None:
    with pytest.raises(VaultDamaged):
        decode(b"\x82\xa6number\x05\xa5later" + b"\x91" * 100_000 + b"\xc0", Example)


@pytest.mark.parametrize("head", [b"\xdd", b"\xdf", b"\xdb", b"\xc6"])
def test_a_length_that_nothing_follows_costs_no_memory(head: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(VaultDamaged):
            decode(b"\x82\xa6number\x05\xa5names" + head + b"\xff\xff\xff\xf0", Example)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


words = st.text("abcdé", max_size=7)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=9) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)


@given(value=st.dictionaries(st.sampled_from(["number", "names", "pairs", "later"]), plain, max_size=4))
@tries(60)
def test_well_formed_values_of_any_shape_are_a_record_or_damage(value: dict[str, object]) -> None:
    try:
        record = decode(encode(value), Example)
    except VaultDamaged:
        return
    assert record.number == value["number"]
