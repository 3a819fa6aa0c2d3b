"""Bugs of saving data directories and of bringing them back to a moment."""

from tests.planted.bug import Bug, Change

BASES = "tests/scenarios/test_base_backups.py"
MOMENTS = "tests/scenarios/test_point_in_time.py"
TAKEN = "tests/scenarios/test_taken_into_use.py"
TIMELINES = "tests/unit/operations/test_timeline_of_a_time.py"
LOOKS = "tests/scenarios/test_moments_of_databases.py"
SUBSCRIBERS = "tests/scenarios/test_restored_subscribers.py"
SUMMARIES = "tests/unit/sources/test_wal_summaries.py"
IN_PLACE = "tests/scenarios/test_restore_in_place_physical.py"
PARTS = "tests/unit/sources/test_reading_in_part.py"
UNITS = "tests/unit/sources/test_postgres_physical.py"
PREPARED = "tests/scenarios/test_prepared_transactions.py"
SPACES = "tests/scenarios/test_tablespaces_since_the_base.py"
RECORDS = "tests/scenarios/test_log_records.py"

PHYSICAL = (
    Bug(
        "the-end-of-a-prepared-transaction-is-nobodys",
        "The number of a transaction that was prepared, and committed later, is refused as a moment out of reach.",
        (
            Change(
                "sources/postgres_physical/wal_records.py",
                "if operation in _OF_PREPARED:  # the session",
                "if not operation:  # the session",
            ),
        ),
        (f"{PREPARED}::test_a_moment_is_the_end_of_a_prepared_transaction",),
    ),
    Bug(
        "a-tablespace-inside-left-out",
        "PostgreSQL 15 leaves a tablespace that lies inside out of its base backup, and the backup passes for whole.",
        (Change("stack/postgres_physical.py", "if inside and facts.major < _SENDS_INSIDE_SINCE:", "if False:"),),
        (f"{SPACES}::test_a_tablespace_inside_is_saved_or_the_server_is_refused",),
    ),
    Bug(
        "tablespaces-of-the-live-server-replayed-into",
        "A server that is restored, or drilled, beside the live one writes older pages into its newer tablespaces.",
        (
            Change(
                "sources/postgres_physical/log_tablespaces.py",
                "    payload[place] = 0\n    content[pages.place(place)] = 0\n",
                "",
            ),
        ),
        (f"{SPACES}::test_what_is_restored_beside_a_living_server_leaves_its_tablespaces_alone",),
    ),
    Bug(
        "moment-of-a-set-without-the-server",
        "A server that was saved alone has no moment that can be reached, because the newest whole set has no server.",
        (Change("cli/restore/data_directories_wanted.py", "return held or records", "return records"),),
        (
            f"{TAKEN}::test_a_server_that_was_saved_alone_comes_back_to_a_moment_beside_a_set_from_before_it_was_configured",
        ),
    ),
    Bug(
        "a-laid-directory-subscribes",
        "A restored server that is started by hand takes from a publisher what that one holds for the live server.",
        (
            Change(
                "sources/postgres_physical/recovery_settings.py",
                """lines.append(f"max_logical_replication_workers = {quote_setting('0')} {SUBSCRIBER}")""",
                "pass",
            ),
        ),
        (f"{SUBSCRIBERS}::test_a_subscription_waits_until_somebody_says_so",),
    ),
    Bug(
        "a-subscriber-goes-on-after-its-next-start",
        "A restored server that has a subscription goes on with it as soon as it is started once more.",
        (Change("sources/postgres_physical/recovery_settings.py", " && [ ! -s global/6100 ]", ""),),
        (f"{SUBSCRIBERS}::test_a_subscription_waits_until_somebody_says_so",),
    ),
    Bug(
        "a-name-on-one-timeline-only",
        "A restore point that lies on a timeline that was left behind is not found.",
        (
            Change(
                "operations/physical/places.py",
                "*(each.facts.timeline for each in bases)}, reverse=True):",
                "*(each.facts.timeline for each in bases)}, reverse=True)[:1]:",
            ),
        ),
        (f"{MOMENTS}::test_transactions_and_restore_points_are_looked_for_on_every_timeline",),
    ),
    Bug(
        "an-end-before-a-hole-is-the-end",
        "The latest moment is the one before a hole, though more of the log is there behind it, and nobody is told.",
        (Change("operations/physical/places.py", "reach.window is not None and reach.window.has_hole:", "not reach:"),),
        (f"{MOMENTS}::test_a_hole_is_named_with_what_can_still_be_reached",),
    ),
    Bug(
        "the-older-of-two-names",
        "Of a restore point whose name was given again the older one is taken, and nobody is told.",
        (
            Change(
                "operations/physical/places.py",
                "if target.kind is TargetKind.NAME and len(alike) > 1:",
                "if target.kind is TargetKind.NAME and not alike:",
            ),
        ),
        (f"{MOMENTS}::test_a_name_that_was_given_again_is_refused_with_every_moment_that_it_may_mean",),
    ),
    Bug(
        "a-left-moment-is-taken",
        "A transaction or a position that only a timeline has which was left is taken: the newest may come to it yet.",
        (
            Change(
                "operations/physical/places.py",
                "if was_left and target.kind is not TargetKind.NAME and not is_named:",
                "if was_left and target.kind is TargetKind.SET and not is_named:",
            ),
        ),
        (f"{MOMENTS}::test_transactions_and_restore_points_are_looked_for_on_every_timeline",),
    ),
    Bug(
        "a-name-met-too-early",
        "A server stops at a restore point of the same name made while its base was saved, and never comes up.",
        (
            Change(
                "operations/physical/places.py",
                "if target.kind is TargetKind.NAME and _is_met_earlier(log, taken):",
                "if target.kind is TargetKind.TIME and _is_met_earlier(log, taken):",
            ),
        ),
        (f"{MOMENTS}::test_a_name_that_was_given_during_the_backup_too_is_reached",),
    ),
    Bug(
        "several-places-unsaid",
        "A transaction of which two timelines have one each is taken from one of them, and nobody is told.",
        (Change("operations/physical/places.py", "if not reach.others or", "if reach.others or"),),
        (f"{MOMENTS}::test_transactions_and_restore_points_are_looked_for_on_every_timeline",),
    ),
    Bug(
        "a-copy-subscribes",
        "A throw-away server goes on with the subscriptions of the live one, and takes what that one waits for.",
        (
            Change(
                "sources/postgres/own_server.py",
                '    "max_logical_replication_workers": "0",',
                '    "max_logical_replication_workers": "4",',
            ),
        ),
        (f"{MOMENTS}::test_a_snapshot_shows_its_own_moment_and_a_restored_server_leaves_the_archive_alone",),
    ),
    Bug(
        "every-moment-is-of-the-newest-timeline",
        "A moment that lies on a timeline that was left behind is looked for on the one that came after it.",
        (
            Change(
                "operations/physical/timelines.py",
                "if target is None or target.kind is not TargetKind.TIME:",
                "if target is None or newest:",
            ),
        ),
        (f"{MOMENTS}::test_after_a_fail_over_the_new_timeline_is_followed",),
    ),
    Bug(
        "latest-is-where-the-newest-base-leads",
        "Who went back to before the newest base gets the end of the timeline that was left, as the latest moment.",
        (Change("operations/physical/timelines.py", "        if timeline <= led:", "        if timeline >= led:"),),
        (
            f"{MOMENTS}::test_who_went_back_to_before_the_newest_base_is_followed_from_an_older_one",
            f"{TIMELINES}::test_production_is_on_the_timeline_that_began_last",
        ),
    ),
    Bug(
        "a-newer-timeline-is-left-out-silently",
        "A restore to the latest moment says nothing of what was written later on a timeline that it does not reach.",
        (Change("operations/physical/places.py", "    if reach.unled:", "    if reach.unled < 0:"),),
        (f"{MOMENTS}::test_who_went_back_to_before_the_newest_base_is_followed_from_an_older_one",),
    ),
    Bug(
        "a-timeline-is-taken-twice",
        "A restored server sees nothing of the timelines that it does not go along, and takes the number of one.",
        (
            Change(
                "operations/physical/laying.py",
                "names.append(history_name(timeline))\n            _write(",
                "continue\n            _write(",
            ),
        ),
        (f"{MOMENTS}::test_after_a_fail_over_the_new_timeline_is_followed",),
    ),
    Bug(
        "half-a-record-is-the-end",
        "A log that ends in the middle of a record is to be replayed as far as there, where no server ever comes.",
        (
            Change(
                "sources/postgres_physical/wal_records.py",
                "    if last is not None and not _is_whole(payload, last[0], last[2]):",
                "    if last is not None and last[2] < 0:",
            ),
        ),
        (f"{RECORDS}::test_a_record_that_was_cut_while_it_was_written_is_none",),
    ),
    Bug(
        "commits-over-the-edge-are-lost",
        "A commit whose record goes on in the next segment is not found among the moments of the log.",
        (
            Change(
                "operations/physical/archived_log.py",
                "if scanned.cut is None or not scanned.cut.may_be_mark:",
                "if scanned.cut is None or segments:",
            ),
        ),
        (f"{RECORDS}::test_each_commit_is_found_once_and_the_log_ends_with_its_last_whole_record",),
    ),
    Bug(
        "one-look-is-enough",
        "Where transactions ended between the looks around a moment, only the later one is asked.",
        (
            Change(
                "stack/moments.py",
                "return self.before is not None and self.before.seen == self.after.seen",
                "return self.before is not None",
            ),
        ),
        (f"{LOOKS}::test_the_looks_around_a_position_that_has_passed_are_found",),
    ),
    Bug(
        "emptied-is-empty",
        "A table that was emptied between a look and its question counts as one that names no files.",
        (Change("sources/postgres/looks.py", 'TO STDOUT;\\n{_REQUIRE_SAME}"', 'TO STDOUT;\\n"'),),
        (f"{LOOKS}::test_a_table_that_is_emptied_before_it_is_asked_is_not_taken_for_an_empty_one",),
    ),
    Bug(
        "any-directory-is-the-same",
        "What is remembered of a server's pages serves every server that was restored from the same one.",
        (
            Change(
                "sources/postgres_physical/wal_summaries.py",
                'return f"{found.st_ino}/{found.st_ctime_ns}" if found is not None else ""',
                'return "here" if found is not None else ""',
            ),
        ),
        (f"{PARTS}::test_what_is_remembered_serves_no_other_data_directory_at_the_same_place",),
    ),
    Bug(
        "another-past-believed",
        "Summaries that go on over where the backup before began count as those of the same past.",
        (Change("sources/postgres_physical/wal_summaries.py", "if needed and needed[0][0] != since:", "if False:"),),
        (f"{SUMMARIES}::test_summaries_that_do_not_begin_where_a_backup_began_are_of_another_past",),
    ),
    Bug(
        "any-cluster-is-replaced",
        "A restore in place sets a data directory of another cluster aside, without a word.",
        (Change("operations/recovery/physical_part.py", "base.facts.system_id != live:", "not base.facts.system_id:"),),
        (f"{IN_PLACE}::test_a_data_directory_comes_back_into_its_place_and_goes_again",),
    ),
    Bug(
        "large-objects-without-metadata",
        "A custom-format export of what pg_dump 17 or later wrote has the rows of large objects, not what makes them.",
        (
            Change(
                "sources/postgres/contents.py",
                'if item.statements and item.kind != b"BLOBS":',
                'if item.statements and item.kind not in {b"BLOB", b"BLOBS"}:',
            ),
        ),
        (
            "tests/scenarios/test_database_into.py::test_everything_comes_back_on_each_server_and_an_older_one_is_refused",
        ),
    ),
    Bug(
        "a-log-needs-no-base",
        "A restored server that archives again counts as saved, though no base leads to its timeline.",
        (
            Change(
                "operations/physical/leading.py",
                "return any(each.timeline == timeline and _goes_on(coverage, each.gap) for each in stretches)",
                "return True",
            ),
        ),
        (
            "tests/unit/operations/wal/test_bases_of_a_log.py::test_what_only_the_history_tells_is_not_guessed_without_the_key",
        ),
    ),
    Bug(
        "archiving-left-on",
        "A restored server keeps archive_mode on: when it promotes it writes its branch into the production's archive.",
        (
            Change(
                "sources/postgres_physical/recovery_settings.py",
                "lines.append(f\"archive_mode = {quote_setting('off')}\")",
                "lines.append(f\"archive_mode = {quote_setting('on')}\")",
            ),
        ),
        (f"{UNITS}::test_one_target_and_no_archiving_are_written",),
    ),
    Bug(
        "manifest-believed",
        "What arrived is not compared with the sums of the server's manifest.",
        (
            Change(
                "sources/postgres_physical/manifest.py",
                "if not is_same_sum(said.checksum, checksum):",
                "if not is_same_sum(said.checksum, said.checksum):",
            ),
        ),
        (f"{UNITS}::test_a_file_that_is_not_what_the_manifest_says_is_refused",),
    ),
    Bug(
        "sums-of-another-kind-believed",
        "A manifest without sums, or with others than were asked for, is taken for a proof.",
        (
            Change(
                "sources/postgres_physical/manifest.py",
                "if said.algorithm != algorithm:",
                "if said.algorithm not in {algorithm, said.algorithm}:",
            ),
        ),
        (f"{UNITS}::test_a_manifest_with_sums_of_another_kind_proves_nothing",),
    ),
    Bug(
        "death-of-a-server-is-a-fault-of-ours",
        "A server that dies while it sends a base backup ends it as a fault of the program, without its words.",
        (
            Change(
                "sources/postgres_physical/connection.py",
                "                self._consume()\n                has_looked = True",
                "                self._raw.consume_input()\n                has_looked = True",
            ),
        ),
        (f"{BASES}::test_a_server_that_dies_while_it_sends_fails_the_backup_in_its_own_words",),
    ),
    Bug(
        "timeline-latest",
        "The timeline is not written as a number, so PostgreSQL follows whatever is newest.",
        (
            Change(
                "sources/postgres_physical/recovery_settings.py",
                '"recovery_target_timeline": str(timeline),',
                '"recovery_target_timeline": "latest" if timeline else "",',
            ),
        ),
        (f"{UNITS}::test_one_target_and_no_archiving_are_written",),
    ),
    Bug(
        "log-not-proven",
        "A base backup counts as whole though the log that it needs never came.",
        (Change("operations/saving.py", "complete=None not in needs,", "complete=len(needs) >= 0,"),),
        (f"{MOMENTS}::test_a_snapshot_is_incomplete_until_its_log_is_proven",),
    ),
    Bug(
        "lost-log-is-the-end",
        "A file of the log that was laid beside and is gone is taken for the end of the log: the server promotes.",
        (
            Change(
                "sources/postgres_physical/recovery_settings.py",
                'is gone" >&2; exit 202 ;;',
                'is gone" >&2; exit {_ABSENT} ;;',
            ),
        ),
        (f"{UNITS}::test_a_lost_file_of_the_log_is_never_its_end",),
    ),
    Bug(
        "damaged-pages-blessed",
        "Pages that the server found damaged are told, and the snapshot counts as whole.",
        (
            Change(
                "operations/saving.py",
                "degraded=saved.summary.degraded or conclusion.is_degraded,",
                "degraded=saved.summary.degraded,",
            ),
        ),
        (f"{BASES}::test_a_damaged_page_is_told_and_never_blessed",),
    ),
    Bug(
        "cut-relation-remembered",
        "A relation that was cut, or made anew under its number, is put together from blocks of its former life.",
        (
            Change(
                "sources/postgres_physical/wal_summaries.py",
                "sure = min(sure, changes.limit - first)",
                "sure = max(sure, changes.limit - first)",
            ),
        ),
        (
            f"{SUMMARIES}::test_what_was_added_cut_or_lost_is_read",
            f"{SUMMARIES}::test_what_was_made_anew_is_read_whole",
        ),
    ),
    Bug(
        "missing-summary-is-no-change",
        "Where a summary of the log is missing, the blocks that it would have named are taken from before.",
        (
            Change(
                "sources/postgres_physical/wal_summaries.py",
                "if start > reached:",
                "if start < reached - reached:",
            ),
        ),
        (f"{SUMMARIES}::test_summaries_with_a_hole_say_nothing",),
    ),
    Bug(
        "lost-block-taken",
        "A block is taken from before, though no usable segment holds it any more.",
        (
            Change(
                "vault/arriving.py",
                "is_known = path == arrival.path and number < len(rows) and places[number] != NOT_KEPT",
                "is_known = path == arrival.path and number < len(rows)",
            ),
        ),
        ("tests/unit/vault/test_arriving_in_part.py",),
    ),
    Bug(
        "damage-remembered",
        "After a damaged page the next backup takes it from before without a word.",
        (
            Change(
                "sources/postgres_physical/wal_summaries.py",
                "or facts.major < OLDEST_MAJOR or pages:",
                "or facts.major < OLDEST_MAJOR:",
            ),
        ),
        ("tests/unit/sources/test_reading_in_part.py::test_nothing_is_remembered_after_damage_nor_of_a_standby",),
    ),
    Bug(
        "a-look-at-a-server-begins-a-backup",
        "backup --dry-run lets the server begin a base backup, with its checkpoint, and says that it has no files.",
        (Change("cli/backup/preview.py", "if component.foresee is not None:", "if False:"),),
        (f"{BASES}::test_a_dry_run_asks_the_server_how_much_it_is_and_lets_it_send_nothing[False]",),
    ),
)
