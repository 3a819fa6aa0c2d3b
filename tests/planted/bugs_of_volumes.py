"""Bugs of filling volumes on a bare machine: what was there is replaced, and what was not is taken for somebody's."""

from tests.planted.bug import Bug, Change

RECOVERED = "tests/scenarios/test_recover_volumes.py"
KILLS = "tests/crash/test_recover_volumes_kills.py"

VOLUMES = (
    Bug(
        "a-volume-of-before-is-replaced",
        "A volume that stayed on the machine and holds something counts as one that was made for the recovery.",
        (
            Change(
                "operations/recovery/late_part.py",
                "        if found.volume and seen is not None and found.volume not in seen:\n",
                "        if found.volume and seen is not None:\n",
            ),
        ),
        (
            f"{RECOVERED}::test_a_volume_that_holds_something_is_left_alone_and_the_rest_comes_back",
            f"{RECOVERED}::test_a_volume_that_a_container_of_before_left_is_not_taken_for_a_new_one",
        ),
    ),
    Bug(
        "what-an-image-brings-was-there",
        "One place is made before the next is looked at: what an image brings into a new volume counts as somebody's.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "            each.look()\n        for each in parts:\n            each.make(self._observer)\n",
                "            each.look()\n            each.make(self._observer)\n",
            ),
        ),
        (f"{RECOVERED}::test_all_comes_back_with_its_modes_and_what_the_image_brought_is_set_aside",),
    ),
    Bug(
        "looked-at-once-more",
        "A recovery that is gone on with looks at the volumes anew, and takes those that it made for ones of before.",
        (
            Change(
                "operations/recovery/late_part.py",
                "if self.is_left_out() or self._list_seen() is not None:",
                "if self.is_left_out():",
            ),
        ),
        (f"{KILLS}::test_killed_around_the_making_of_volumes_what_the_image_brought_is_still_known_for_that",),
    ),
    Bug(
        "the-folders-of-another-machine",
        "The engine is on another machine, and what it has mounted there is filled here, where nobody looks.",
        (
            Change(
                "stack/mounted_places.py",
                "if not names or find_far_engine(client, loaded.variables, here.ask):",
                "if not names:",
            ),
        ),
        (f"{RECOVERED}::test_an_engine_on_another_machine_is_not_filled_here",),
    ),
    Bug(
        "the-volume-of-another-stack",
        "What compose does not say is asked of nobody: the only volume of that name is taken, whosever it is.",
        (
            Change(
                "stack/late_places.py",
                "if self._component.volume is not None and self._loaded.configuration.stack.compose:",
                "if self._component.volume is None and self._loaded.configuration.stack.compose:",
            ),
        ),
        (f"{RECOVERED}::test_an_old_compose_that_names_no_project_leads_to_no_volume_of_another_stack",),
    ),
    Bug(
        "what-an-image-brings-stays",
        "A recovery that was cut before it moved aside what an image brought goes on without: it stays in between.",
        (
            Change(
                "operations/recovery/late_part.py",
                "                part.set_aside()\n                self._note(_ASIDE",
                "                self._note(_ASIDE",
            ),
        ),
        (f"{KILLS}::test_killed_before_what_the_image_brought_is_aside_it_is_set_aside_when_it_is_gone_on_with",),
    ),
    Bug(
        "into-a-container-by-a-volume",
        "What a container keeps in itself is to come back by a restore in place, which refuses.",
        (
            Change(
                "cli/in_place/last_words.py",
                "{**words.commands, **left_out, **kept_inside}",
                "{**words.commands, **left_out}",
            ),
        ),
        (f"{RECOVERED}::test_what_lies_in_a_container_itself_is_left_out_with_its_reason",),
    ),
    Bug(
        "the-folder-of-a-single-file",
        "A single file is copied into a container with the folder that it came in, and closes the one that it goes to.",
        (
            Change(
                "stack/copying_inside.py",
                "find . ! -type d -print0 | tar --numeric-owner --null -T - -cf -",
                "tar --numeric-owner -cf - .",
            ),
        ),
        (f"{RECOVERED}::test_what_lies_in_a_container_itself_is_left_out_with_its_reason",),
    ),
    Bug(
        "room-in-volumes-is-nobodys",
        "What comes into volumes is not counted: the disk is full in the middle, with the services not started.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "        check_room([each for each in self._means.parts.values() if isinstance(each, ComesLate)])\n",
                "",
            ),
        ),
        (f"{RECOVERED}::test_a_disk_of_the_engine_without_room_for_all_is_told_before_anything_is_fetched_there",),
    ),
    Bug(
        "a-volume-of-before-is-to-be-removed",
        "What a rollback says was made for the recovery counts in volumes that were there before it.",
        (
            Change(
                "stack/engine_traces.py",
                "    volumes = [each for each in now.volumes if each not in before.volumes]\n",
                "    volumes = list(now.volumes)\n",
            ),
        ),
        (f"{RECOVERED}::test_undone_it_names_what_the_engine_made_for_it_with_the_line_that_removes_that",),
    ),
    Bug(
        "twice-into-a-volume",
        "A database in a volume is put a second time with those of servers, into what was filled already.",
        (
            Change(
                "operations/recovery/plan.py",
                "        if each.kind in DATABASES and not each.is_late:\n",
                "        if each.kind in DATABASES:\n",
            ),
        ),
        (
            f"{RECOVERED}::test_the_plan_makes_the_places_after_the_files_are_there_and_fills_them_before_anything_is_started",
        ),
    ),
)
