"""Which blocks of a file have to be read again, by what WAL summaries say of its relation."""

from rebond.entries import RememberedFile
from rebond.sources.postgres_physical.wal_summaries import ChangedBlocks, choose_summaries, locate_main_file

PAGE, BLOCK = 8192, 16384
PATH = b"base/5/16384"
RELATION = (1663, 5, 16384)


def find(
    changes: ChangedBlocks, pages: int, *, before: int | None = None, lost: tuple[int, ...] = (), path: bytes = PATH
) -> list[tuple[int, int]] | None:
    known = RememberedFile(size_bytes=(pages if before is None else before) * PAGE, lost=lost)
    return changes.find_fresh(path, pages * PAGE, BLOCK, known)


def make_changes(limit: int | None = None, *blocks: int) -> ChangedBlocks:
    changes = ChangedBlocks(PAGE, 1 << 30)
    changes.add(RELATION, limit, blocks)
    return changes


def test_blocks_whose_pages_changed_are_read_and_no_others() -> None:
    assert find(make_changes(None, 0, 6, 7, 8, 39), 40) == [(0, 1), (3, 5), (19, 20)]
    assert find(ChangedBlocks(PAGE, 1 << 30), 40) == []


def test_what_was_added_cut_or_lost_is_read() -> None:
    assert find(make_changes(), 44, before=40) == [(20, 22)]
    assert find(make_changes(), 43, before=41) == [(20, 22)]
    assert find(make_changes(), 33, before=40) == [(16, 17)]
    assert find(make_changes(30, 2), 40) == [(1, 2), (15, 20)]
    assert find(make_changes(), 40, lost=(7, 25)) == [(7, 8)]


def test_what_was_made_anew_is_read_whole() -> None:
    assert find(make_changes(0), 40) is None
    database = ChangedBlocks(PAGE, 1 << 30)
    database.add((1663, 5, 0), 0, ())
    assert find(database, 40) is None
    assert find(make_changes(None, *range(39)), 40) is None


def test_the_files_of_a_large_relation_have_their_own_part_of_its_blocks() -> None:
    pages = (1 << 30) // PAGE
    changes = make_changes(pages + 30, 4, pages + 4, pages + 50)
    assert find(changes, 40, path=PATH) == [(2, 3)]
    assert find(changes, 40, path=PATH + b".1") == [(2, 3), (15, 20)]
    assert find(changes, 40, path=PATH + b".2") is None


def test_what_is_no_relations_own_pages_or_of_an_odd_size_is_read_whole() -> None:
    changes = make_changes()
    assert find(changes, 40, path=PATH + b"_fsm") is None
    assert find(changes, 40, path=PATH + b"_vm") is None
    assert find(changes, 40, path=b"base/5/pg_filenode.map") is None
    assert changes.find_fresh(PATH, 40 * PAGE + 1, BLOCK, RememberedFile(size_bytes=40 * PAGE)) is None
    assert changes.find_fresh(PATH, 0, BLOCK, RememberedFile(size_bytes=40 * PAGE)) is None


def test_a_file_says_which_relation_it_is_of() -> None:
    assert locate_main_file(b"base/5/16384.3") == ((1663, 5, 16384), 3)
    assert locate_main_file(b"global/1262") == ((1664, 0, 1262), 0)
    assert locate_main_file(b"pg_tblspc/16400/PG_18_202506291/5/16384") == ((16400, 5, 16384), 0)
    assert locate_main_file(b"base/5/16384_init") is None


def test_summaries_with_a_hole_say_nothing() -> None:
    files = [(30, 40), (10, 20), (20, 30), (0, 10), (40, 50)]
    assert choose_summaries(files, 10, 35) == [(10, 20), (20, 30), (30, 40)]
    assert choose_summaries(files, 10, 50) == [(10, 20), (20, 30), (30, 40), (40, 50)]
    assert choose_summaries([*files[:2], *files[3:]], 10, 35) is None
    assert choose_summaries(files, 10, 51) is None
    assert choose_summaries([], 10, 35) is None


def test_summaries_that_do_not_begin_where_a_backup_began_are_of_another_past() -> None:
    assert choose_summaries([(0, 10), (10, 20), (20, 30)], 12, 25) is None
    assert choose_summaries([(0, 12), (12, 20), (20, 30)], 12, 25) == [(12, 20), (20, 30)]
