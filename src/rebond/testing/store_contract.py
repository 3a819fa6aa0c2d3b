"""The promises of ``rebond.store.protocol.Store``, one test for each. Every store passes them all."""

import threading
from collections.abc import Callable

import pytest

from rebond.errors import ObjectExists, ObjectMissing, ShortRead, StoreError, UsageError
from rebond.store.protocol import Store

BAD_NAMES = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    "a b",
    "a\n",
    "a\x00b",
    "a\\b",
    "é",
    "a:b",
    "a%2fb",
    ".tmp-1",
    "a/.tmp-1",
    "x" * 201,
    "/".join(["x" * 99] * 8),
)
GOOD_NAMES = ("a", "A-Z_a.b-c", "-", "_", ".a", "...", "a..b", "0/1/2/3/4/5", "x" * 200, "/".join(["y" * 99] * 6))


def run_together(calls: list[Callable[[], None]]) -> None:
    """Run all calls at the same moment, each in a thread, and raise the first error that one raised."""
    start = threading.Barrier(len(calls))
    failures: list[BaseException] = []

    def run(call: Callable[[], None]) -> None:
        start.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001  an error in a thread must not be lost
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def names_of(store: Store, prefix: str = "") -> list[str]:
    """Return the names that a listing yields, in its order."""
    return [info.name for info in store.list_objects(prefix)]


class PutPromises:
    """Promises 1 to 3."""

    # 1. After a put returns, every reader sees all of the object.

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5_000])
    def test_a_read_returns_what_was_put(self, store: Store, content: bytes) -> None:
        store.put_if_absent("packs/ab/cd", content)

        assert store.read("packs/ab/cd") == content
        assert store.stat("packs/ab/cd").size == len(content)

    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    def test_any_buffer_can_be_put(self, store: Store, kind: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
        store.put_if_absent("a", kind(b"0123456789"))

        assert store.read("a") == b"0123456789"

    def test_a_slice_of_a_buffer_can_be_put(self, store: Store) -> None:
        store.put_if_absent("a", memoryview(bytearray(b"0123456789"))[2:7])

        assert store.read("a") == b"23456"

    def test_what_was_put_does_not_follow_its_buffer(self, store: Store) -> None:
        buffer = bytearray(b"before")
        store.put_if_absent("a", buffer)
        buffer[:] = b"after!"

        assert store.read("a") == b"before"

    def test_a_read_returns_bytes_that_stay(self, store: Store) -> None:
        store.put_if_absent("a", b"0123456789")

        assert type(store.read("a")) is bytes
        assert type(store.read("a", start=2, length=3)) is bytes

    # 2. Nobody ever sees part of an object.

    def test_readers_see_all_of_an_object_or_nothing(self, store: Store) -> None:
        content = bytes(range(256)) * 16_384  # 4 MiB
        seen: list[int] = []
        done = threading.Event()

        def put() -> None:
            try:
                store.put_if_absent("packs/big", content)
            finally:
                done.set()

        def look() -> None:
            while not done.is_set():
                try:
                    seen.append(len(store.read("packs/big")))
                except ObjectMissing:
                    seen.append(-1)
                seen.extend(info.size for info in store.list_objects("packs/"))

        run_together([put, look, look])

        assert set(seen) <= {-1, len(content)}
        assert store.read("packs/big") == content

    # 3. A put of a name that exists changes nothing; of several callers one succeeds.

    def test_a_second_put_is_refused_and_changes_nothing(self, store: Store) -> None:
        store.put_if_absent("vault.json", b"first")

        with pytest.raises(ObjectExists):
            store.put_if_absent("vault.json", b"second")
        with pytest.raises(ObjectExists):
            store.put_if_absent("vault.json", b"first")
        assert store.read("vault.json") == b"first"

    def test_of_callers_that_race_exactly_one_succeeds(self, store: Store) -> None:
        for turn in range(5):
            winners: list[int] = []

            def put(number: int, turn: int = turn, winners: list[int] = winners) -> None:
                try:
                    store.put_if_absent(f"trash/{turn}.claim", b"claimed by %d" % number * 1_000)
                except ObjectExists:
                    return
                winners.append(number)

            run_together([lambda number=number: put(number) for number in range(6)])  # type: ignore[misc]

            assert len(winners) == 1
            assert store.read(f"trash/{turn}.claim") == b"claimed by %d" % winners[0] * 1_000

    def test_a_name_can_be_used_again_after_a_delete(self, store: Store) -> None:
        store.put_if_absent("a/b", b"first")
        store.delete("a/b")
        store.put_if_absent("a/b", b"second")

        assert store.read("a/b") == b"second"


class ReadPromises:
    """Promise 4: missing objects and short reads."""

    def test_what_is_missing_is_said_to_be_missing(self, store: Store) -> None:
        store.put_if_absent("a/b", b"content")

        for name in ("a/c", "a", "b/c", "a/b/c"):
            with pytest.raises(ObjectMissing):
                store.read(name)
            with pytest.raises(ObjectMissing):
                store.read(name, start=1, length=1)
            with pytest.raises(ObjectMissing):
                store.stat(name)

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            (0, 3, b"012"),
            (4, 2, b"45"),
            (0, 10, b"0123456789"),
            (0, None, b"0123456789"),
            (9, 1, b"9"),
            (7, None, b"789"),
            (3, 0, b""),
            (10, 0, b""),
            (10, None, b""),
        ],
    )
    def test_a_range_is_exactly_what_was_asked_for(
        self, store: Store, start: int, length: int | None, expected: bytes
    ) -> None:
        store.put_if_absent("a", b"0123456789")

        assert store.read("a", start=start, length=length) == expected

    @pytest.mark.parametrize(("start", "length"), [(0, 11), (9, 2), (10, 1), (11, 0), (11, None), (500, 10)])
    def test_a_read_beyond_the_end_is_short(self, store: Store, start: int, length: int | None) -> None:
        store.put_if_absent("a", b"0123456789")

        with pytest.raises(ShortRead):
            store.read("a", start=start, length=length)

    def test_a_range_of_nothing_still_needs_its_object(self, store: Store) -> None:
        with pytest.raises(ObjectMissing):
            store.read("a", start=0, length=0)

    def test_an_empty_object_reads_as_empty(self, store: Store) -> None:
        store.put_if_absent("a", b"")

        assert store.read("a") == b""
        assert store.read("a", start=0, length=0) == b""
        with pytest.raises(ShortRead):
            store.read("a", start=0, length=1)

    @pytest.mark.parametrize(("start", "length"), [(-1, None), (-1, 2), (0, -1)])
    def test_a_negative_range_is_refused(self, store: Store, start: int, length: int | None) -> None:
        store.put_if_absent("a", b"0123456789")

        with pytest.raises(UsageError):
            store.read("a", start=start, length=length)


class ListingPromises:
    """Promise 5: complete, in order, at once."""

    def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        assert names_of(store) == []
        assert names_of(store, "packs/") == []

    def test_a_listing_is_in_byte_order_and_complete(self, store: Store) -> None:
        # "-" and "." sort before "/", digits after: directories must not be taken for their names.
        names = ["a/b", "a-b", "a.b", "a0", "a/b0", "A", "a_b", "aa/b/c", "aa.b/c", "aa/b.c", "b/1", "b/10", "b/2"]
        for name in names:
            store.put_if_absent(name, name.encode())

        assert names_of(store) == sorted(names)

    def test_a_listing_shows_what_was_just_put(self, store: Store) -> None:
        for number in range(12):
            name = f"sessions/m/{number:06}"
            store.put_if_absent(name, b"x" * number)
            assert names_of(store, "sessions/")[-1] == name

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("pa", ["packs/aa/1", "packs/ab/2", "packs.old/3"]),
            ("packs/", ["packs/aa/1", "packs/ab/2"]),
            ("packs/a", ["packs/aa/1", "packs/ab/2"]),
            ("packs/ab", ["packs/ab/2"]),
            ("packs/ab/2", ["packs/ab/2"]),
            ("packs/ab/2/", []),
            ("packs/ab/2/x", []),
            ("packs/abc", []),
            ("runs/", []),
            ("index", ["index/d/4"]),
        ],
    )
    def test_a_prefix_is_the_start_of_a_name(self, store: Store, prefix: str, expected: list[str]) -> None:
        for name in ("packs/aa/1", "packs/ab/2", "packs.old/3", "index/d/4"):
            store.put_if_absent(name, b"")

        assert names_of(store, prefix) == sorted(expected)

    def test_a_listing_says_what_stat_says(self, store: Store) -> None:
        store.put_if_absent("a/b", b"12345")
        store.put_if_absent("c", b"")

        assert [store.stat(info.name) for info in store.list_objects()] == list(store.list_objects())
        assert [info.size for info in store.list_objects()] == [5, 0]

    def test_store_times_do_not_go_back(self, store: Store) -> None:
        for number in range(5):
            store.put_if_absent(f"runs/{number}", b"")
        times = [info.modified_ms for info in store.list_objects("runs/")]

        assert times == sorted(times)
        assert times[0] > 1_600_000_000_000

    def test_more_objects_than_a_page_are_all_listed(self, store: Store) -> None:
        names = [f"index/{number % 7}/{number:04}" for number in range(60)]
        for name in names:
            store.put_if_absent(name, b"")

        assert names_of(store) == sorted(names)

    @pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../", "a b", "a\n", "é"])
    def test_a_prefix_that_no_name_can_have_is_refused(self, store: Store, prefix: str) -> None:
        store.put_if_absent("a", b"")

        with pytest.raises(UsageError):
            names_of(store, prefix)


class StoreContract(PutPromises, ReadPromises, ListingPromises):
    """Subclass, provide a ``store`` fixture with an empty store, and be judged."""

    def test_what_was_listed_can_be_settled_and_what_is_gone_does_no_harm(self, store: Store) -> None:
        store.put_if_absent("packs/ab/1", b"content")
        store.settle(["packs/ab/1", "packs/ab/2", "packs/cd/3", "index/4"])

        assert names_of(store) == ["packs/ab/1"]

    # 6. Deletes.

    def test_a_deleted_object_is_gone_at_once(self, store: Store) -> None:
        store.put_if_absent("packs/a", b"1")
        store.put_if_absent("packs/b", b"2")
        store.delete("packs/a")

        assert names_of(store) == ["packs/b"]
        with pytest.raises(ObjectMissing):
            store.read("packs/a")
        with pytest.raises(ObjectMissing):
            store.stat("packs/a")

    def test_a_delete_of_nothing_does_nothing(self, store: Store) -> None:
        store.put_if_absent("packs/a", b"1")
        for name in ("packs/b", "packs", "runs/1", "packs/a/b"):
            store.delete(name)

        assert names_of(store) == ["packs/a"]

    def test_deletes_may_race(self, store: Store) -> None:
        store.put_if_absent("a", b"1")
        run_together([lambda: store.delete("a")] * 4)

        assert names_of(store) == []

    # 7. Names.

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_a_bad_name_is_refused_by_every_verb(self, store: Store, name: str) -> None:
        with pytest.raises(UsageError):
            store.put_if_absent(name, b"x")
        with pytest.raises(UsageError):
            store.read(name)
        with pytest.raises(UsageError):
            store.stat(name)
        with pytest.raises(UsageError):
            store.delete(name)

    def test_good_names_are_taken_as_they_are(self, store: Store) -> None:
        for name in GOOD_NAMES:
            store.put_if_absent(name, name.encode())

        assert names_of(store) == sorted(GOOD_NAMES)
        assert [store.read(name) for name in GOOD_NAMES] == [name.encode() for name in GOOD_NAMES]

    # Beyond the numbers.

    def test_many_threads_may_use_it_at_once(self, store: Store) -> None:
        def work(number: int) -> None:
            for turn in range(4):
                store.put_if_absent(f"packs/{number}/{turn}", b"%d" % turn * 2_000)
                assert store.read(f"packs/{number}/{turn}", start=0, length=1) == b"%d" % turn
            store.delete(f"packs/{number}/0")

        run_together([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]

        assert names_of(store) == [f"packs/{number}/{turn}" for number in range(4) for turn in (1, 2, 3)]

    def test_sweeping_touches_no_object(self, store: Store) -> None:
        store.put_if_absent("packs/a", b"x")

        assert store.sweep() == 0
        assert names_of(store) == ["packs/a"]

    def test_closing_twice_does_no_harm(self, store: Store) -> None:
        store.close()
        store.close()

    def test_its_errors_are_errors_of_a_store(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            store.read("nothing/here")

        assert "nothing/here" in str(caught.value)
        assert caught.value.hint
