"""Bugs that lose nothing and fill the store: content stored again for no gain, or not let go."""

from tests.planted.bug import Bug, Change

RACES = "tests/unit/vault/test_trash_races.py"
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
    Bug(
        "full-prune-claims-and-leaves",
        "A prune on a full disk claims what it cannot delete: for an hour every other one frees nothing, and is good.",
        (
            Change(
                "vault/pruning.py",
                "    survey.now_ms = _require_room(vault)\n",
                "    survey.now_ms = read_store_time(vault)\n",
            ),
        ),
        (f"{RACES}::test_without_room_a_prune_claims_nothing_that_it_could_not_end",),
    ),
    Bug(
        "left-to-the-dead-untold",
        "A prune was killed; the next ones free nothing for an hour, and do not say why.",
        (Change("vault/pruning.py", "        left=find_left_to_others(survey),\n", ""),),
        (
            f"{RACES}::test_what_a_prune_that_died_had_claimed_is_said_to_be_left_to_it_for_an_hour",
            "tests/unit/cli/test_keeping.py::test_a_prune_says_what_another_one_had_begun_to_delete",
        ),
    ),
)
