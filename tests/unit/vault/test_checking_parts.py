"""The small parts that checks are made of."""

import random
from pathlib import Path

import pytest

from rebond.findings import Finding, Severity
from rebond.identifiers import SessionId, SnapshotId
from rebond.vault import damage_reach
from rebond.vault.damage_reach import DamageBook
from rebond.vault.lost_segments import LostSegments
from rebond.vault.object_names import ObjectClass, classify_name, shard_of
from rebond.vault.references import References, build_references
from rebond.vault.segment_judging import scan_anywhere
from rebond.vault.segment_sets import SegmentSet
from rebond.vault.tree_memory import TreeMemory

ONE, TWO = SessionId(b"1" * 16), SessionId(b"2" * 16)
S1, S2 = SnapshotId(b"a" * 16), SnapshotId(b"b" * 16)


def damage(name: str, code: str = "object-damaged") -> Finding:
    return Finding(code=code, severity=Severity.DAMAGE, subject=name, template="It is.")


def test_a_segment_set_behaves_as_a_set() -> None:
    rng = random.Random(3)
    pairs = {(rng.choice([ONE, TWO]), rng.randrange(300)) for _ in range(200)}
    others = {(rng.choice([ONE, TWO]), rng.randrange(300)) for _ in range(200)}
    first, second = SegmentSet(), SegmentSet()
    for session, number in pairs:
        first.add(session, number)
    for session, number in others:
        second.add(session, number)

    assert set(first) == pairs
    assert len(first) == len(pairs)
    assert set(first.minus(second)) == pairs - others
    first.add_all(second)
    assert set(first) == pairs | others
    for session, number in others:
        first.remove(session, number)
    assert set(first) == pairs - others
    assert bool(SegmentSet()) is False
    assert not first.has(ONE, 1 << 30)


def test_references_go_into_a_segment_set_and_meet_it() -> None:
    references = build_references({ONE: {3: 255, 70: 1}, TWO: {0: 9}})
    found = SegmentSet()
    found.add_references(references)

    assert set(found) == {(ONE, 3), (ONE, 70), (TWO, 0)}
    assert found.meets(references)
    other = SegmentSet()
    other.add(ONE, 4)
    assert not other.meets(references)


def test_a_number_that_no_session_gives_takes_no_memory() -> None:
    found = SegmentSet()
    found.add(ONE, (1 << 32) - 1)

    assert not found


def test_a_lost_segment_knows_its_objects_and_chunks() -> None:
    lost = LostSegments()
    assert lost.is_empty
    lost.add("packs/a", ONE, 1)
    lost.add("packs/b", ONE, 1)
    lost.add("packs/c", TWO, 2, frozenset({b"x" * 32}))

    assert lost.objects_of(ONE, 1) == ("packs/a", "packs/b")
    assert lost.has_chunk(ONE, 1, b"anything at all")
    assert lost.has_chunk(TWO, 2, b"x" * 32)
    assert not lost.has_chunk(TWO, 2, b"y" * 32)
    assert not lost.has_chunk(TWO, 3, b"x" * 32)
    assert lost.objects_reaching(References({TWO: b"\x04"})) == ("packs/c",)


def test_the_book_names_every_path_of_every_snapshot() -> None:
    book = DamageBook()
    book.note(damage("packs/a"), snapshots=[S1])
    book.reach_path(["packs/a"], S1, "site", b"x")
    book.reach_path(["packs/a"], S2, "site", b"x")
    book.reach_path(["packs/a", "packs/b"], S2, "site", b"y", is_subtree=True)

    first, second = book.damaged_objects()

    assert (first.name, set(first.snapshots)) == ("packs/a", {S1, S2})
    assert [(path.path, path.snapshots, path.is_subtree) for path in first.paths] == [
        (b"x", (S1, S2), False),
        (b"y", (S2,), True),
    ]
    assert (second.name, second.codes) == ("packs/b", ())
    assert book.unexplained() == ["packs/b"]


def test_two_books_become_one() -> None:
    first, second = DamageBook(), DamageBook()
    first.reach_path(["packs/a"], S2, "site", b"x")
    second.note(damage("packs/a"))
    second.reach_path(["packs/a"], S1, "site", b"x")
    second.reach_path(["packs/a"], S1, "site", b"y")

    first.merge(second)

    (merged,) = first.damaged_objects()
    assert merged.codes == ("object-damaged",)
    assert {(path.path, frozenset(path.snapshots)) for path in merged.paths} == {
        (b"x", frozenset({S1, S2})),
        (b"y", frozenset({S1})),
    }


def test_paths_beyond_the_limit_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage_reach, "PATHS_KEPT", 10)
    book = DamageBook()
    for number in range(25):
        book.reach_path(["packs/a"], S1, "site", b"%d" % number)

    (damaged,) = book.damaged_objects()

    assert len(damaged.paths) == 10
    assert damaged.unlisted_paths == 15


def test_the_same_finding_is_told_once() -> None:
    heard: list[Finding] = []
    book = DamageBook(heard.append)
    book.note(damage("a"))
    book.note(damage("a"))
    book.note(damage("a", "other"))

    assert [finding.code for finding in heard] == ["object-damaged", "other"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("packs/ab/ab" + "0" * 62, ObjectClass.PACK),
        ("packs/ab/cd" + "0" * 62, ObjectClass.UNKNOWN),
        ("index/" + "0" * 16 + "/" + "f" * 64, ObjectClass.INDEX),
        ("snapshots/" + "0" * 16 + "/" + "1" * 32 + "." + "2" * 32, ObjectClass.SNAPSHOT),
        ("snapshots/" + "0" * 16 + "/" + "1" * 32 + "." + "2" * 32 + ".withdrawn", ObjectClass.WITHDRAWAL),
        ("snapshots/" + "0" * 16 + "/" + "1" * 32 + "." + "2" * 32 + ".withdrawn." + "3" * 32, ObjectClass.WITHDRAWAL),
        ("trash/" + "0" * 32, ObjectClass.MARK),
        ("trash/" + "0" * 32 + ".claim", ObjectClass.CLAIM),
        ("vault.json", ObjectClass.DESCRIPTION),
        ("vault.json.bak", ObjectClass.UNKNOWN),
        ("roster/0", ObjectClass.UNKNOWN),
        ("roster/12", ObjectClass.ROSTER),
        ("anything", ObjectClass.UNKNOWN),
    ],
)
def test_a_name_tells_the_class_of_an_object(name: str, expected: ObjectClass) -> None:
    assert classify_name(name) is expected


def test_every_name_belongs_to_one_shard() -> None:
    names = [f"packs/{n:02x}/{n:02x}" + f"{n * 7919:062x}" for n in range(256)] + ["README.txt", "vault.json"]

    assert {shard_of(name, 3) for name in names} == {0, 1, 2}
    assert all(shard_of(name, 1) == 0 for name in names)


def test_a_directory_is_remembered_with_its_places(tmp_path: Path) -> None:
    memory = TreeMemory(tmp_path)
    memory.note(b"d" * 32, {1 << 24 | 5, 3})
    memory.note(b"e" * 32, set())

    assert memory.find(b"d" * 32) is not None
    assert list(memory.find(b"d" * 32) or ()) == [3, 1 << 24 | 5]
    assert list(memory.find(b"e" * 32) or ()) == []
    assert memory.find(b"f" * 32) is None
    memory.note(b"d" * 32, {7})
    assert list(memory.find(b"d" * 32) or ()) == [7]
    memory.close()


def test_rubbish_that_looks_like_segments_is_scanned_to_its_end() -> None:
    content = b"RBSG" * 3000 + b"RBSG"

    assert list(scan_anywhere(content, b"v" * 16)) == []  # type: ignore[arg-type]
