"""Spoiling stored objects on purpose, in any store that allows to delete."""

from rebond.store.protocol import Store


def rewrite_object(store: Store, name: str, content: bytes) -> None:
    """Put other bytes where an object was."""
    store.delete(name)
    store.put_if_absent(name, content)


def flip_byte(store: Store, name: str, offset: int, mask: int = 0x01) -> None:
    """Change bits of one byte; a negative ``offset`` counts from the end."""
    content = bytearray(store.read(name))
    content[offset] ^= mask
    rewrite_object(store, name, bytes(content))


def truncate_object(store: Store, name: str, length: int) -> None:
    """Keep the first ``length`` bytes; a negative ``length`` takes that many from the end."""
    rewrite_object(store, name, store.read(name)[:length])


def swap_objects(store: Store, first: str, second: str) -> None:
    """Give each of two objects the other's bytes."""
    contents = store.read(first), store.read(second)
    rewrite_object(store, first, contents[1])
    rewrite_object(store, second, contents[0])
