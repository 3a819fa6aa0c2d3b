"""Bugs of clearing damage away: a prune that deletes what nobody has looked at, or what somebody still needs."""

from tests.planted.bug import Bug, Change

GOING = "tests/scenarios/test_damaged_packs_go.py"

DAMAGE = (
    Bug(
        "a-prune-deletes-what-nobody-has-looked-at",
        "A pack that does not say what it holds is deleted before a repair has copied what is good in it.",
        (
            Change(
                "vault/index_census.py",
                "scan_pack(vault, task.pack_hash) if name in damaged else None",
                "scan_pack(vault, task.pack_hash)",
            ),
            Change(
                "vault/place_proving.py",
                "read_damaged_pack(self._vault, pack_hash) if name in self._damaged else None",
                "read_damaged_pack(self._vault, pack_hash)",
            ),
        ),
        (GOING,),
    ),
    Bug(
        "lists-say-all-that-is-in-a-damaged-pack",
        "What a lying list leaves out of a pack that lost its end is deleted with it.",
        (Change("vault/place_proving.py", "= told[pack_hash] | held\n", "= told[pack_hash]\n"),),
        (f"{GOING}::test_what_lists_leave_out_of_a_damaged_pack_does_not_go_with_it",),
    ),
    Bug(
        "what-an-open-backup-puts-is-rubbish",
        "A pack that a backup has begun to put is taken for a damaged one that nobody needs.",
        (
            Change(
                "vault/prune_plan.py",
                "    spared |= find_perhaps_in_use(survey.census.scanned, living)\n",
                "",
            ),
        ),
        (f"{GOING}::test_a_damaged_pack_that_an_open_backup_may_have_put_is_left_until_that_is_over",),
    ),
    Bug(
        "a-list-that-was-put-back-goes",
        "A list that somebody put back from a copy is deleted, because a repair had replaced the damaged one.",
        (
            Change(
                "vault/index_census.py",
                " for name in there & replaced if is_spoilt(vault, name))",
                " for name in there & replaced)",
            ),
            Change(
                "vault/prune_marks.py", " for name in spoilt if is_spoilt(self._vault, name)]", " for name in spoilt]"
            ),
        ),
        (f"{GOING}::test_a_list_that_was_replaced_and_put_back_from_a_copy_stays",),
    ),
    Bug(
        "what-was-given-up-comes-back",
        "A record that a listing left out and somebody gave up is a snapshot again, and its content is gone.",
        (Change("vault/lost_records.py", "        put_tombstone(vault, name, run)\n", "        pass\n"),),
        ("tests/scenarios/test_lost_records.py::test_a_record_that_was_given_up_and_turns_up_again_is_no_snapshot",),
    ),
    Bug(
        "a-claim-that-rotted-deletes",
        "What somebody had taken back is deleted, because the claim that says so cannot be read any more.",
        (Change("vault/trash_emptying.py", " or claim is None or mark.name in undecided:", " or claim is None:"),),
        ("tests/unit/vault/test_damaged_marks.py",),
    ),
)
