"""Bugs of what is made of a store's answers."""

from tests.planted.bug import Bug, Change

ANSWERED = "tests/unit/store/test_cloud_answers.py"
IMAGES = "tests/unit/sources/test_image_listing.py"
DECLARED = "tests/scenarios/test_declared_kinds.py"
PROVEN = "tests/unit/store/test_proving_cloud.py"
DISKS = "tests/unit/store/test_local.py"

ANSWERS: tuple[Bug, ...] = (
    Bug(
        "error-page-is-an-empty-listing",
        "A page of a proxy, or an error behind a 200, is a listing of nothing: no marks, no open sessions, no holds.",
        (
            Change(
                "store/cloud_listing.py",
                "    if not _ends_at(bucket, folder, start, last):\n",
                "    if False:\n",
            ),
        ),
        (f"{ANSWERED}::test_a_page_that_is_no_listing_is_never_an_empty_listing",),
    ),
    Bug(
        "last-pages-missing-look-whole",
        "A listing ends where the service says nothing more, so that one whose last pages are missing looks whole.",
        (Change("store/cloud_listing.py", "return last if shown > last else None", "return None"),),
        (f"{ANSWERED}::test_a_later_page_that_is_none_does_not_end_a_listing",),
    ),
    Bug(
        "pages-of-nothing-confirm-each-other",
        "Two pages of a login, one after another, are a listing of nothing.",
        (
            Change(
                "store/cloud_listing.py",
                "            return _ALWAYS_THERE not in objects and bucket.exists(_ALWAYS_THERE)",
                "            return False",
            ),
        ),
        (f"{ANSWERED}::test_pages_of_a_login_never_confirm_each_other",),
    ),
    Bug(
        "shown-folder-believed-to-be-empty",
        "A folder that was listed as empty is believed to be, whatever a listing from there on shows in it.",
        (
            Change(
                "store/cloud_listing.py",
                'return not behind.startswith(f"{folder}/")',
                "return True",
            ),
        ),
        (f"{ANSWERED}::test_a_folder_that_versions_are_kept_of_is_not_taken_for_an_empty_one",),
    ),
    Bug(
        "names-elsewhere-stop-a-listing",
        "A listing asks for what lies behind it too: an odd name of somebody else's stops every backup.",
        (Change("store/cloud_bucket.py", "(self.above + folder) or None,\n", "self.above or None,\n"),),
        (f"{ANSWERED}::test_names_elsewhere_stop_no_listing",),
    ),
    Bug(
        "spoilt-by-the-line-for-good",
        "A put that a slow line spoilt (400 RequestTimeout) ends the backup instead of being sent again.",
        (Change("store/cloud_faults.py", "or fault.code in _PASSING_CODES", "or fault.code in ()"),),
        (f"{ANSWERED}::test_what_the_line_spoilt_is_sent_again",),
    ),
    Bug(
        "exchanged-disk-is-pruned",
        "A prune deletes by its plan on another copy of the vault, which was mounted in the place of the first.",
        (
            Change(
                "store/local.py",
                "        self.require_root()  # a disk that was exchanged for another copy keeps what that one has\n",
                "",
            ),
        ),
        (f"{DISKS}::test_nothing_is_deleted_on_a_disk_that_was_exchanged",),
    ),
    Bug(
        "put-below-an-empty-mount-point",
        "A pack that went below the mount point of a disk that just vanished counts as stored.",
        (
            Change(
                "store/local.py",
                "self.require_root()  # what was put below a mount point whose disk just went away is not in the vault",
                "pass",
            ),
        ),
        (f"{DISKS}::test_a_put_that_a_vanishing_disk_sent_elsewhere_is_no_success",),
    ),
    Bug(
        "storage-class-not-tried",
        "A vault is made with a storage class that no backup can use, or that no restore can read.",
        (Change("store/proving.py", 'self._expect("packs/large")', 'self._expect("large")'),),
        (f"{PROVEN}::test_a_storage_class_is_tried_before_anything_depends_on_it",),
    ),
    Bug(
        "image-that-runs-left-out",
        "After a build that nobody started yet, what runs is neither listed nor saved: only its successor is.",
        (Change("sources/images/listing.py", "            running[own] = None\n", "            running.clear()\n"),),
        (f"{IMAGES}::test_what_runs_is_listed_also_when_its_name_means_a_newer_image",),
    ),
    Bug(
        "made-up-digest-is-believed",
        "An image that was only ever built here is not saved, because its engine gave it a digest.",
        (Change("sources/images/listing.py", "not elsewhere or self.was_never_elsewhere or", "not elsewhere or"),),
        (f"{IMAGES}::test_an_image_built_here_counts_as_that_whatever_digest_its_engine_made_up",),
    ),
    Bug(
        "image-replaced-while-saved",
        "Another image than the one that is listed lies in the archive that bears its id.",
        (Change("stack/images.py", "        if not self._means_still():\n", "        if False:\n"),),
        (f"{DECLARED}::test_an_image_that_is_replaced_while_it_is_saved_is_not_kept_under_its_id",),
    ),
    Bug(
        "page-not-found-is-object-gone",
        "A proxy whose server starts anew says 404 of a mark, and it counts as withdrawn: what it names is used.",
        (Change("store/cloud_faults.py", "is_told and (bool(self.code) or self.has_no_words)", "is_told"),),
        (f"{ANSWERED}::test_a_404_of_something_else_never_says_that_an_object_is_gone",),
    ),
    Bug(
        "vault-below-an-empty-mount-point",
        "The disk did not come up, and a second vault is made below its mount point: backups fill the system's disk.",
        (Change("store/local.py", "mount_point := find_unmounted(store._root):", "mount_point := '':"),),
        ("tests/unit/test_mount_points.py::test_a_vault_on_a_disk_that_is_away_is_not_made_anew",),
    ),
    Bug(
        "login-page-is-damage",
        "A proxy answers a read with its page: the vault is said to be damaged, or put back to an older state.",
        (
            Change(
                "store/cloud_bucket.py",
                "        self.require_object(name, meta, content_type)\n        return content\n",
                "        return content\n",
            ),
        ),
        (f"{ANSWERED}::test_a_page_in_the_place_of_an_object_is_no_damage",),
    ),
)
