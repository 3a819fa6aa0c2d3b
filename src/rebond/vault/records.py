"""MessagePack as the format wants it: maps with string keys, smallest integers, nothing left over."""

from typing import Any, TypeVar

import msgspec

from rebond.errors import VaultDamaged
from rebond.vault.primitives import Buffer

_ENCODER = msgspec.msgpack.Encoder()
T = TypeVar("T")


def encode(value: object) -> bytes:
    """Encode a ``msgspec.Struct`` or plain value."""
    return _ENCODER.encode(value)


def decode(content: Buffer, kind: type[T]) -> T:
    """Decode a record of type ``kind``; unknown keys are ignored.

    Raises ``VaultDamaged`` for anything malformed, a trailing byte or a duplicate key.
    """
    try:
        value = msgspec.msgpack.decode(content, type=kind)
        _refuse_duplicates(content)  # decodes keys that ``kind`` does not know, so it can fail too
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise VaultDamaged(
            "A {kind} record cannot be read: {reason}", kind=getattr(kind, "__name__", "plain"), reason=str(error)
        ) from error
    return value


def _refuse_duplicates(content: Buffer) -> None:
    """Refuse a top-level map in which a key appears twice (two readers could differ on it)."""
    plain: Any = msgspec.msgpack.decode(content)
    if isinstance(plain, dict):
        count = _map_length(bytes(content[:5]))
        if count is not None and count != len(plain):
            raise VaultDamaged("A record has the same key twice.")


def _map_length(head: bytes) -> int | None:
    first = head[0]
    if 0x80 <= first <= 0x8F:
        return first & 0x0F
    if first == 0xDE:
        return int.from_bytes(head[1:3], "big")
    if first == 0xDF:
        return int.from_bytes(head[1:5], "big")
    return None
