"""Bits rot at random: it is found whatever it is, exactly the right paths are named, nothing else suffers."""

import pathlib
import random
import shutil
from collections.abc import Callable

from tests.scenarios.verified_vault import World, assert_names_exactly, find_unreadable

from rebond.findings import Severity
from rebond.testing.damage import rewrite_object
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.papers import README_NAME

Rot = Callable[[random.Random, bytes, bytes], bytes]  # the bytes of an object and of another one


def flip_a_bit(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """One bit."""
    position = rng.randrange(len(content))
    return content[:position] + bytes([content[position] ^ 1 << rng.randrange(8)]) + content[position + 1 :]


def blank_a_sector(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """A sector full of zeros, as a disk gives back that forgot it."""
    start = rng.randrange(0, len(content), 512)
    return content[:start] + bytes(min(512, len(content) - start)) + content[start + 512 :]


def cut(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """The end is missing."""
    return content[: rng.randrange(len(content))]


def leave_out(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """Some bytes in the middle are missing."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randrange(1, 100) :]


def add(rng: random.Random, content: bytes, _: bytes) -> bytes:
    """Bytes too many, anywhere."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.randbytes(rng.randrange(1, 50)) + content[start:]


def mix(rng: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one object, the end of another."""
    start = rng.randrange(len(content))
    return content[:start] + other[start:]


def become_another(_: random.Random, __: bytes, other: bytes) -> bytes:
    """All of another object."""
    return other


WAYS: tuple[Rot, ...] = (flip_a_bit, flip_a_bit, blank_a_sector, cut, leave_out, add, mix, become_another)


def rot_once(pristine: World, folder: pathlib.Path, rng: random.Random) -> str:
    """Let one object of a copy rot, verify and repair; return which and how."""
    shutil.rmtree(folder, ignore_errors=True)
    world = pristine.copy(folder)
    kind = rng.choice([each for each in ObjectClass if world.names(each)])
    name = rng.choice(world.names(kind))
    other = rng.choice([info.name for info in world.store.list_objects() if info.name != name])
    before, way = world.store.read(name), rng.choice(WAYS)
    after = way(rng, before, world.store.read(other))
    if after == before:
        return ""
    what = f"{way.__name__} {name}"
    try:
        rewrite_object(world.store, name, after)
        judge(world, kind, name)
    except BaseException as error:
        error.add_note(what)
        raise
    return what


def judge(world: World, kind: ObjectClass, name: str) -> None:
    """It is found and named; what it reaches is named exactly; the next backup is whole."""
    unreadable = find_unreadable(world)
    outcome = world.verify(read_data_percent=100, repair=True)
    if name == README_NAME:  # text for people, another in each release: only noted
        assert outcome.ok
        assert outcome.findings
        return
    told = [finding for finding in outcome.findings if finding.severity is not Severity.NOTE]
    assert told, "nobody noticed"
    assert not outcome.ok
    assert any(name in (finding.subject, *map(str, finding.values.values())) for finding in told), told
    assert_names_exactly(outcome, unreadable)
    if kind in {ObjectClass.PACK, ObjectClass.INDEX, ObjectClass.REFERENCES, ObjectClass.SNAPSHOT}:
        newest = world.save()
        after = find_unreadable(world)
        assert newest.snapshot not in after, "the next backup refers to what rotted"
        assert all(paths <= unreadable.get(snapshot, set()) for snapshot, paths in after.items())
        assert classify_name(newest.name) is ObjectClass.SNAPSHOT
