"""Recovery keys as they are printed: groups that name the place of a typing error.

32 bytes are 13 groups of 4 letters (20 bits each, 4 zero bits at the end) and one group of 4
letters of their hash; each group has a fifth letter that checks it. The alphabet has no I, L, O
or U, so that nothing is mistaken for 1, 0 or V.
"""

import re

from rebond.errors import WrongKey
from rebond.vault.primitives import derive

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_SIZE = 32
GROUP_COUNT = 14
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1, "U": 27}
_SHAPE = re.compile(r"\s*(?:[0-9A-Za-z]{5}[\s-]+){7,}[0-9A-Za-z]{1,5}\s*")


def print_recovery_key(key: bytes) -> str:
    """Return the 32 bytes of ``key`` as 14 groups of 5 letters joined by ``-``."""
    number = int.from_bytes(key, "big") << 4
    groups = [number >> 20 * (12 - i) & 0xFFFFF for i in range(13)]
    groups.append(_hash_group(key))
    return "-".join(_print_group(position, bits) for position, bits in enumerate(groups))


def looks_like_recovery_key(text: str) -> bool:
    """Say whether ``text`` has the shape of a printed recovery key, complete and right or not."""
    return _SHAPE.fullmatch(text) is not None or _count_letters(text) == GROUP_COUNT * 5


def read_recovery_key(text: str) -> bytes:
    """Return the 32 bytes of a printed recovery key; case, spaces and dashes do not matter.

    Raises ``WrongKey`` that names the group with the typing error, never its letters.
    """
    letters = re.sub(r"[\s-]+", "", text).upper()
    if len(letters) != GROUP_COUNT * 5:
        raise WrongKey(
            "A recovery key has 70 letters in 14 groups; this one has {count}.",
            hint="Type it again from the recovery kit; look for a group that is missing, doubled or cut.",
            count=len(letters),
        )
    groups = [_read_group(position, letters[position * 5 : position * 5 + 5]) for position in range(GROUP_COUNT)]
    number = 0
    for bits in groups[:13]:
        number = number << 20 | bits
    key = (number >> 4).to_bytes(KEY_SIZE, "big")
    if number & 0xF or _hash_group(key) != groups[13]:
        raise WrongKey(
            "Each group of the recovery key is well formed, but together they are not one key.",
            hint="Compare it with the recovery kit: two letters of one group may be wrong at once.",
        )
    return key


def _count_letters(text: str) -> int:
    letters = re.sub(r"[\s-]+", "", text).upper()
    return len(letters) if all(letter in _VALUES for letter in letters) else 0


def _hash_group(key: bytes) -> int:
    return int.from_bytes(derive("recovery key check", key)[:3], "big") >> 4


def _print_group(position: int, bits: int) -> str:
    values = [bits >> shift & 31 for shift in (15, 10, 5, 0)]
    return "".join(ALPHABET[value] for value in (*values, _check(position, values)))


def _read_group(position: int, group: str) -> int:
    values = [_VALUES.get(letter, -1) for letter in group]
    if min(values) < 0 or _check(position, values[:4]) != values[4]:
        raise WrongKey(
            "Group {number} of the recovery key has a typing error.",
            hint="Compare that group of five letters with the recovery kit.",
            number=position + 1,
        )
    return values[0] << 15 | values[1] << 10 | values[2] << 5 | values[3]


def _check(position: int, values: list[int]) -> int:
    """Return the check value: position + 2a + 4b + 8c + 16d in GF(32), modulus x^5 + x^2 + 1.

    The weights differ and are not zero, so one wrong letter and two swapped letters are always
    noticed, and so is a group in another's place.
    """
    total = position
    for weight, value in enumerate(values, start=1):
        product = value
        for _ in range(weight):
            product <<= 1
            if product & 32:
                product ^= 0b100101
        total ^= product
    return total
