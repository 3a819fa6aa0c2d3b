"""Bits rot at random: it is found whatever it is, exactly the right paths are named, nothing else suffers.

Where several objects rot or are gone at once, and prunes pass by, no more is lost than rotted, and the next backup is
whole.
"""

import contextlib
import pathlib
import random
import shutil
from collections.abc import Callable

from tests.scenarios.verified_vault import World, assert_names_exactly, find_unreadable

from rebond.errors import RebondError
from rebond.findings import Severity
from rebond.identifiers import SnapshotId
from rebond.progress import Silence
from rebond.testing.damage import rewrite_object
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.papers import README_NAME
from rebond.vault.pruning import prune

Unreadable = dict[SnapshotId, set[str]]  # paths by snapshot
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


def rot_several(pristine: World, folder: pathlib.Path, rng: random.Random) -> str:
    """Let several objects of a copy rot or vanish, prune, verify, repair, save and prune; return which and how."""
    shutil.rmtree(folder, ignore_errors=True)
    world = pristine.copy(folder)
    spoilt: dict[str, str] = {}
    for _ in range(rng.choice([2, 2, 3, 5])):
        kind = rng.choice([each for each in ObjectClass if world.names(each)])
        name = rng.choice(world.names(kind))
        if name not in spoilt and name != README_NAME:
            spoilt[name] = _spoil(world, name, rng)
    try:
        judge_several(world, [name for name, way in spoilt.items() if way not in {"", "gone"}], rng)
    except BaseException as error:
        error.add_note(str(spoilt))
        raise
    return str(spoilt)


def _spoil(world: World, name: str, rng: random.Random) -> str:
    """Spoil an object, or take it away; return how, nothing where it is as it was."""
    if rng.random() < 0.15:
        world.store.delete(name)
        return "gone"
    other = rng.choice([info.name for info in world.store.list_objects() if info.name != name])
    before, way = world.store.read(name), rng.choice(WAYS)
    after = way(rng, before, world.store.read(other))
    if after == before:
        return ""
    rewrite_object(world.store, name, after)
    return way.__name__


def judge_several(world: World, rotten: list[str], rng: random.Random) -> None:
    """Prunes lose nothing; what rotted is named while it is there; the next backup is whole and stays so."""
    unreadable = find_unreadable(world)
    if rng.random() < 0.4:
        unreadable = prune_beside_damage(world, unreadable)
    outcome = world.verify(read_data_percent=100, repair=True)
    told = [finding for finding in outcome.findings if finding.severity is not Severity.NOTE]
    words = {str(word) for finding in told for word in (finding.subject, *finding.values.values())}
    present = {info.name for info in world.store.list_objects()}
    untold = [name for name in rotten if name in present and name not in words]
    assert not untold, f"nobody noticed {untold}: {[finding.code for finding in told]}"
    assert not (outcome.ok and unreadable), f"these cannot be read, and nobody says so: {unreadable}"
    newest = world.save()
    after = find_unreadable(world)
    assert newest.snapshot not in after, "the next backup refers to what rotted"
    assert_no_more_than(after, unreadable)
    assert newest.snapshot not in prune_beside_damage(world, after), "a prune took what the next backup refers to"


def prune_beside_damage(world: World, unreadable: Unreadable) -> Unreadable:
    """Prune, which may refuse; nothing may go that could be read before. Return what cannot be read then."""
    with contextlib.suppress(RebondError):
        prune(world.vault(), Silence())
    after = find_unreadable(world)
    assert_no_more_than(after, unreadable)
    return after


def assert_no_more_than(after: Unreadable, before: Unreadable) -> None:
    """Nothing is lost that could be read before. A snapshot may be gone from the list, its lost paths with it."""
    more = {snapshot: paths - before.get(snapshot, set()) for snapshot, paths in after.items()}
    assert not any(more.values()), f"more is lost than rotted: {more}"
