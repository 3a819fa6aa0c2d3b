"""Bugs of secrets, servers, images and files in containers."""

from tests.planted.bug import Bug, Change

RECOVERED = "tests/scenarios/test_recover_containers.py"
CHANNELS = "tests/unit/sources/test_channels.py"
VOLUMES = "tests/unit/sources/test_volumes.py"
CONTAINERS = "tests/scenarios/test_kinds_in_containers.py"
DECLARED = "tests/scenarios/test_declared_kinds.py"
SECRETS = "tests/scenarios/test_secrets_apart.py"
TAR = "tests/unit/sources/test_tar_following.py"
SERVERS = "tests/unit/sources/test_servers.py"
MYSQL = "tests/scenarios/test_dumps_of_mysql.py"

KINDS = (
    Bug(
        "archive-without-its-end",
        "An archive that was cut between two files is taken for a whole one.",
        (
            Change(
                "sources/tar/following.py",
                "        if not self.is_over or self._gathered.strip(b",
                "        if self._gathered.strip(b",
            ),
        ),
        (f"{TAR}::test_no_cut_is_taken_for_the_end",),
    ),
    Bug(
        "damaged-header-is-the-end",
        "A damaged header in the middle of an archive ends it, as for the standard library.",
        (
            Change(
                "sources/tar/following.py",
                '            raise TarDamaged("a header is damaged" if self.members else "it is no tar archive")\n',
                "            self._empty_blocks = 2\n            return\n",
            ),
        ),
        (f"{TAR}::test_bytes_that_are_added_or_lost_are_noticed",),
    ),
    Bug(
        "image-believed",
        "What docker save wrote is saved because docker ended well.",
        (
            Change(
                "stack/images.py",
                "            return TarReader(reader,",
                "            return reader if reader else TarReader(reader,",
            ),
        ),
        (f"{DECLARED}::test_an_image_that_is_cut_makes_no_snapshot_though_docker_ends_well",),
    ),
    Bug(
        "mark-of-redis-in-the-dump",
        "The random mark of a diskless transfer stays behind the dump.",
        (Change("sources/servers/redis.py", "                del self._held[end:]\n", ""),),
        (f"{SERVERS}::test_a_whole_dump_passes_and_the_mark_behind_it_is_taken_away",),
    ),
    Bug(
        "password-among-the-arguments",
        "Everybody on the machine can read the password of the database in the list of processes.",
        (
            Change(
                "sources/servers/mysql.py",
                '"--defaults-extra-file=/dev/stdin", *_OPTIONS,',
                '"--defaults-extra-file=/dev/stdin", '
                "f\"--password={(server.password or Secret(b'')).reveal().decode()}\", *_OPTIONS,",
            ),
        ),
        (f"{SERVERS}::test_a_password_is_quoted_as_files_of_options_want_it",),
    ),
    Bug(
        "secrets-for-everybody",
        "Secrets come back readable by everybody.",
        (
            Change(
                "sources/documents/tree.py",
                "_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600,",
                "_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o644,",
            ),
        ),
        (f"{SECRETS}::test_they_come_back_private_and_as_the_tools_take_them",),
    ),
    Bug(
        "nothing-changed-since-what-is-gone",
        "Nothing changed since the last snapshot of the secrets, which was forgotten: no snapshot holds them.",
        (Change("operations/unchanged.py", " and name.name not in forgotten:", ":"),),
        (f"{SECRETS}::test_after_the_last_snapshot_was_forgotten_there_is_a_new_one",),
    ),
    Bug(
        "changed-by-looking-at-it",
        "What a cluster counts up makes a new snapshot of unchanged Secrets each time.",
        (
            Change(
                "sources/secrets/cluster.py",
                '("name", "namespace", "labels", "annotations")',
                '("name", "namespace", "labels", "annotations", "resourceVersion")',
            ),
        ),
        (f"{SECRETS}::test_without_a_change_there_is_no_snapshot_and_with_one_there_is",),
    ),
    Bug(
        "files-of-two-containers-are-one",
        "Files of two components have one identity, and come back as hard links of one another.",
        (Change("sources/tar/tree.py", "        link = (self._device, content.offset)", "        link = (0, 0)"),),
        (f"{CONTAINERS}::test_second_names_stay_with_their_own_file",),
    ),
    Bug(
        "dump-emptied-by-a-file-of-options",
        "A my.cnf says no-data, and the dump has every table and no row.",
        (Change("sources/servers/mysql.py", '    "--skip-no-data",\n', ""),),
        ("tests/scenarios/test_dumps_of_mysql.py::test_no_file_of_options_empties_what_is_proposed",),
    ),
    Bug(
        "dump-that-does-not-load",
        "A dump of MariaDB locks its tables, and none whose default is the next of a sequence takes its rows back.",
        (Change("sources/servers/mysql.py", '    "--skip-add-locks",', ""),),
        (f"{MYSQL}::test_every_row_object_user_and_right_of_a_server_comes_back",),
    ),
    Bug(
        "rights-on-routines-lost",
        "Routines are dumped twice, so that loading drops them once, and what was granted on them.",
        (Change("sources/servers/mysql.py", '    "--ignore-table=mysql.proc",\n', ""),),
        (f"{MYSQL}::test_every_row_object_user_and_right_of_a_server_comes_back",),
    ),
    Bug(
        "another-server-by-a-file",
        "A file of options in somebody's home leads the dump to another server.",
        (Change("sources/servers/mysql.py", "[*describe_address(server), *(", "[*("),),
        (f"{MYSQL}::test_files_of_options_lead_to_no_other_server_and_leave_no_rows_out",),
    ),
    Bug(
        "history-in-silence",
        "The former rows of tables that keep them are not in the dump, and nobody says so.",
        (
            Change("stack/servers.py", "takes_history=self._look(server, place, login, report)", "takes_history=False"),
            Change(
                "sources/servers/mysql_looks.py",
                "    if history and not looks.takes_history:\n",
                "    if history and not looks.names:\n",
            ),
            Change("sources/servers/mysql.py", '(["--dump-history"] if takes_history else [])', "()"),
        ),
        (
            f"{MYSQL}::test_former_rows_of_tables_that_keep_them_come_back_too",
            f"{MYSQL}::test_a_history_that_the_tool_cannot_take_is_named_and_the_rows_are_saved",
        ),
    ),
    Bug(
        "triggers-unseen",
        "Triggers that the user of a dump may not see are missing in it, and nobody says so.",
        (Change("sources/servers/mysql_looks.py", ' (_NO_TRIGGERS, ("TRIGGER",)),', ""),),
        (f"{MYSQL}::test_what_the_user_may_not_see_is_told",),
    ),
    Bug(
        "another-container-by-its-id",
        "The container db is gone, and one whose id begins with db is saved instead.",
        (Change("sources/channels/reading.py", "    require_own_name(address, environment)\n", ""),),
        (f"{CHANNELS}::test_the_beginning_of_an_id_is_no_name",),
    ),
    Bug(
        "an-image-takes-a-name",
        "A recovery loads an image whose name means another one here, and what runs under that name is another then.",
        (
            Change(
                "operations/recovery/images_part.py",
                "if image.saved_as != image.id and engine.find(image.saved_as):",
                "if image.saved_as == image.id and engine.find(image.saved_as):",
            ),
        ),
        (f"{RECOVERED}::test_an_image_that_is_there_is_not_loaded_again_and_a_name_that_means_another_keeps_it",),
    ),
    Bug(
        "answers-held-back",
        "As much as a mark is long is held back of what a client brings: who waits for an answer waits for ever.",
        (Change("sources/channels/reading.py", " - self._count_doubtful()", " - len(self._translated_end)"),),
        (f"{CHANNELS}::test_who_talks_with_a_command_hears_its_answer_before_the_end",),
    ),
    Bug(
        "words-of-an-engine-lost",
        "What Docker says on standard output, when it cannot start a command, is dropped: the error gives no reason.",
        (Change("sources/channels/reading.py", " or self._words_of_engine())", ")"),),
        (f"{CHANNELS}::test_what_an_engine_says_on_standard_output_is_told",),
    ),
    Bug(
        "words-of-a-client-in-the-stream",
        "What a client says on standard output is saved as the beginning of a dump.",
        (Change("sources/channels/reading.py", "del self._held[: place + len", "del self._held[place : place + len"),),
        (f"{CHANNELS}::test_what_a_client_says_before_is_not_what_the_command_wrote",),
    ),
    Bug(
        "volume-of-another-project",
        "The volume of another project is saved as ours, because it is the only one of its name.",
        (
            Change(
                "sources/channels/volumes.py",
                "if project and each.project not in",
                "if not project and each.project not in",
            ),
        ),
        (f"{VOLUMES}::test_the_volume_of_another_project_is_not_taken_for_ours",),
    ),
    Bug(
        "folder-of-another-machine",
        "An engine on another machine names the folder of a volume, and the folder of that name here is saved.",
        (Change("stack/whereabouts.py", " and not far:", ":"),),
        (f"{DECLARED}::test_a_folder_that_an_engine_elsewhere_names_is_not_the_one_here",),
    ),
)
