"""Bugs that lose nothing and fill the store: content stored again for no gain."""

from tests.planted.bug import Bug, Change

REFRESHING = "tests/unit/vault/test_refreshing.py"

ROOM = (
    Bug(
        "small-means-sparse",
        "What each day stores is a small segment, and the next run stores it again to have fewer: two years take twice"
        " the room.",
        (
            Change(
                "vault/refreshing.py",
                "        return self.used_bytes < SPARSE_SHARE * self.raw_bytes",
                "        return self.used_bytes < SPARSE_SHARE * (4 << 20)",
            ),
        ),
        (
            f"{REFRESHING}::test_what_is_used_well_stays_however_small_it_is",
            f"{REFRESHING}::test_days_of_little_changes_store_nothing_twice",
        ),
    ),
    Bug(
        "all-small-ones-are-joined",
        "One segment more than are allowed, and every small one is stored again at once.",
        (
            Change(
                "vault/refreshing.py",
                "        if spread - len(choice.places) <= limit:\n",
                "        if spread <= limit:\n",
            ),
        ),
        (f"{REFRESHING}::test_of_too_many_the_smallest_are_joined_and_no_more_than_need_be",),
    ),
    Bug(
        "one-mistaken-run-costs-a-full-one",
        "A run leaves most of the tree out by mistake, and the next one stores nearly everything again.",
        (Change("vault/refreshing.py", "if fits and use.used_bytes", "if use.used_bytes"),),
        (f"{REFRESHING}::test_no_more_than_a_quarter_is_stored_again_by_a_run_that_wants_more_than_its_parent_held",),
    ),
)
