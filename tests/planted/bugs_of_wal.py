"""Bugs of the write-ahead log: what is acknowledged too soon, replaced, or called an end that is none."""

from tests.planted.bug import Bug, Change

ARCHIVING = "tests/unit/operations/wal/test_archiving.py"
JOINING = "tests/unit/sources/test_joining.py"
FETCHING = "tests/unit/operations/wal/test_fetching.py"
RETENTION = "tests/unit/operations/wal/test_retention.py"
RECEIVER = "tests/unit/service/test_wal_receiver.py"
RECEIVED = "tests/scenarios/test_wal_received.py"
SLOTS = "tests/scenarios/test_wal_slots.py"
SOCKET = "tests/unit/service/test_wal_socket.py"
SPOOL = "tests/unit/service/test_wal_spool.py"
STATUS = "tests/unit/cli/test_wal_status.py"
STANDING = "tests/unit/operations/wal/test_standing.py"
WAITING = "tests/unit/operations/test_waiting_for_a_log.py"

WAL = (
    Bug(
        "what-is-written-anew-goes-into-the-vault",
        "A server whose disk was put back, and that caught up while nobody received, mixes two histories in the vault.",
        (Change("service/wal_begun.py", "if size and _sum(content[:size]) != said:", "if False:"),),
        (f"{SPOOL}::test_what_a_server_writes_anew_that_went_back_is_noticed_by_what_lay_here",),
    ),
    Bug(
        "a-server-that-went-back-within-a-segment",
        "A server that was put back by less than a segment is received, over what it had sent before.",
        (
            Change(
                "service/wal_receiving.py",
                "            find_flushed_end(self._spool.folder, facts.timeline, facts.segment_bytes),\n",
                "",
            ),
        ),
        ("tests/unit/service/test_wal_receiver.py::test_a_server_that_went_back_within_a_segment_is_refused",),
    ),
    Bug(
        "a-branch-that-lives-is-cleaned",
        "The log of a timeline that is still written goes, because a later one was saved that was given up.",
        (
            Change(
                "operations/wal/retention.py",
                "    if max(numbers.values(), default=0) <= stood_ms:",
                "    if max(numbers.values(), default=0) >= 0:",
            ),
        ),
        (f"{RETENTION}::test_an_earlier_timeline_that_was_written_on_keeps_what_its_own_base_needs_for_the_window",),
    ),
    Bug(
        "wal-acknowledged-before-it-stands",
        "A segment that is being archived ahead is acknowledged before it stands in the vault.",
        (
            Change(
                "service/wal_desk.py",
                "self._note(question, ahead.done.result())",
                "self._note(question, question.system_id)",
            ),
        ),
        (f"{SOCKET}::test_what_failed_ahead_is_not_acknowledged",),
    ),
    Bug(
        "wal-spool-misses-nothing",
        "What is deleted under the receiver of a log is not missed: the server is told that it was flushed.",
        (
            Change(
                "service/wal_spool.py",
                "            for each in sorted(self._seen)\n",
                "            for each in sorted(self._seen & set())\n",
            ),
        ),
        (f"{SPOOL}::test_a_part_that_is_deleted_is_missed",),
    ),
    Bug(
        "wal-spool-goes-on-behind-a-hole",
        "The stream goes on behind what lies in the spool, though a part before it was deleted there.",
        (
            Change(
                "service/wal_anchors.py",
                "    while (last := find_anchor(",
                "    have.update(dict(sorted(here)))\n    while (last := find_anchor(",
            ),
        ),
        (f"{SPOOL}::test_what_lies_behind_a_hole_is_not_gone_on_from_and_comes_into_the_vault_once_that_is_filled",),
    ),
    Bug(
        "wal-spool-puts-what-lies-behind-a-hole",
        "What lies behind a hole goes into the vault before what was deleted: the stream goes on behind that.",
        (
            Change(
                "service/wal_anchors.py",
                "for each in on_way if place is None or each[1] > place[1]}",
                "for each in on_way if place is None and each[1] < 0}",
            ),
        ),
        (
            f"{SPOOL}::test_what_was_deleted_from_the_middle_comes_again_also_when_the_vault_takes_the_rest_before",
            f"{SPOOL}::test_what_lies_behind_a_hole_is_not_gone_on_from_and_comes_into_the_vault_once_that_is_filled",
        ),
    ),
    Bug(
        "wal-spool-holds-what-is-accepted",
        "What lies behind a gap that was accepted never goes into the vault.",
        (
            Change(
                "service/wal_spool.py",
                "        for each, number in self.state.before.items():\n            have",
                "        for each, number in self.state.before.items() & [0]:\n            have",
            ),
        ),
        (f"{SPOOL}::test_what_lies_behind_a_hole_is_freed_by_who_accepts_the_gap",),
    ),
    Bug(
        "wal-full-disk-is-not-emptied",
        "What fills the disk of the spool does not go into the vault, because the disk is full.",
        (
            Change(
                "service/wal_spool.py",
                "            with contextlib.suppress(OSError):  # on a full disk",
                "            with contextlib.suppress(KeyError):  # on a full disk",
            ),
        ),
        (f"{SPOOL}::test_what_lies_on_a_full_disk_goes_into_the_vault_and_makes_room",),
    ),
    Bug(
        "wal-first-put-by-what-was-known",
        "A receiver that begins anew puts by what it knew of the vault, which is another one or an older one by now.",
        (
            Change(
                "service/wal_receiving.py",
                "            if not self._has_surveyed and self._spool.has_content():",
                "            if not self._spool.folder:",
            ),
        ),
        (f"{RECEIVER}::test_the_vault_is_asked_before_anything_is_put_whose_place_nobody_knows",),
    ),
    Bug(
        "wal-spoilt-notes-are-none",
        "Notes that are spoilt are taken for none: a server that went back is received.",
        (
            Change(
                "service/wal_receiving.py",
                "        self._spool.require_sound_notes()\n",
                "",
            ),
        ),
        (f"{RECEIVER}::test_nothing_is_received_where_the_notes_are_spoilt_until_somebody_looked",),
    ),
    Bug(
        "wal-notes-with-an-error-are-none",
        "Notes that a bad disk hides are taken for none and written anew.",
        (
            Change(
                "service/wal_spool_state.py",
                "    except FileNotFoundError:\n        return SpoolState()",
                "    except OSError:\n        return SpoolState()",
            ),
        ),
        (f"{SPOOL}::test_notes_that_cannot_be_read_are_refused_and_not_written_anew",),
    ),
    Bug(
        "wal-former-cluster-is-taken-for-the-new-one",
        "Without the notes, what a former cluster left in the spool is taken for the log of the one that was adopted.",
        (
            Change(
                "service/wal_spool.py",
                "        page = None if state.system_id else find_first_page(self.folder)\n",
                "        page = None if True else find_first_page(self.folder)\n",
            ),
            Change(
                "service/wal_spool.py",
                "            former = self.find_cluster()\n",
                "            former = self.state.system_id\n",
            ),
        ),
        (f"{SPOOL}::test_what_a_former_cluster_left_is_not_taken_for_the_new_one_where_the_notes_are_gone",),
    ),
    Bug(
        "wal-former-cluster-is-left-over-itself",
        "What was kept of a cluster that is left a second time is overwritten.",
        (Change("service/wal_spool_files.py", "if not is_taken(path))", "if path)"),),
        (f"{SPOOL}::test_a_cluster_that_is_left_twice_loses_nothing",),
    ),
    Bug(
        "wal-former-cluster-is-dropped-by-its-names",
        "What a former cluster left is deleted because its name is in the vault, with another content.",
        (
            Change(
                "vault/streams.py",
                "    return keyed_id(vault.credentials.domain_keys(domain).data_id_key, content) == record.content_id",
                "    return bool(record.content_id or content)",
            ),
        ),
        (f"{SPOOL}::test_what_has_the_name_of_a_segment_in_the_vault_and_another_content_is_kept",),
    ),
    Bug(
        "wal-beginnings-are-listed-last",
        "A log that goes on while a file of it is looked for is told to a standby as a gap: it stops.",
        (
            Change(
                "operations/wal/fetching.py",
                "    coverage = survey_wal(vault, system_id)\n    if is_history(name):\n        found",
                "    coverage = survey_wal(vault, system_id)\n    begun = list_tails(vault, system_id)\n"
                "    if is_history(name):\n        found",
            ),
            Change(
                "operations/wal/fetching.py",
                "    begun = list_tails(vault, system_id) if is_segment(name) else ()\n",
                "",
            ),
        ),
        (f"{FETCHING}::test_a_stream_that_goes_on_between_two_looks_leaves_no_gap",),
    ),
    Bug(
        "wal-status-lists-beginnings-last",
        "A log that goes on while its status is asked for is said to have a gap.",
        (
            Change(
                "cli/commands/wal_status.py",
                "    coverage = survey_wal(vault, system_id) if system_id else None\n",
                "    coverage = survey_wal(vault, system_id) if system_id else None\n"
                "    tails = list_tails(vault, system_id) if system_id else ()\n",
            ),
            Change(
                "cli/commands/wal_status.py",
                "    tails = list_tails(vault, system_id) if system_id else ()  # before",
                "    # before",
            ),
        ),
        (f"{STATUS}::test_a_log_that_goes_on_between_two_looks_is_not_said_to_have_a_gap",),
    ),
    Bug(
        "wal-accepted-gap-is-forgotten",
        "A gap that was accepted is asked for again by the next process, and nothing comes.",
        (
            Change(
                "service/wal_spool.py",
                "        self.state.before = {} if kept_from is None else dict(",
                "        self.state.before = {} if kept_from is not None else dict(",
            ),
        ),
        (f"{SPOOL}::test_a_gap_that_was_accepted_stays_accepted_until_something_behind_it_is_saved",),
    ),
    Bug(
        "wal-beginning-aside-is-not-missed",
        "The beginning of a segment that lies aside is deleted under the receiver, and is not missed.",
        (
            Change(
                "service/wal_spool.py",
                "(is_partial(each) and not each.startswith(ASIDE) and",
                "(is_partial(each.removeprefix(ASIDE)) and",
            ),
            Change("service/wal_spool.py", "is_there(self.folder / each[:24]))", "bool(each[:24]))"),
        ),
        (f"{SPOOL}::test_a_beginning_that_lies_aside_is_missed_too",),
    ),
    Bug(
        "wal-gap-between-timelines-unseen",
        "What is missing between the end of one timeline and the beginning of the next is no gap to wal status.",
        (
            Change(
                "operations/wal/branches.py",
                "        if has_begun and begin > first:\n",
                "        if has_begun and begin < first:\n",
            ),
        ),
        (f"{STANDING}::test_what_is_missing_between_two_timelines_is_a_gap",),
    ),
    Bug(
        "wal-later-beginning-is-no-log",
        "A segment that is missing before the beginning of a later one is told to PostgreSQL as the end of the log.",
        (
            Change(
                "operations/wal/fetching.py",
                "    _require_no_later_tail(begun, name)\n",
                "",
            ),
        ),
        (f"{FETCHING}::test_a_beginning_of_a_later_segment_is_behind_the_end_too",),
    ),
    Bug(
        "wal-came-meanwhile-is-the-end",
        "A segment that comes while it is looked for is told to PostgreSQL as the end of the log.",
        (
            Change(
                "operations/wal/fetching.py",
                "        if not coverage.missing(timeline, number, number):",
                "        if number < 0:",
            ),
        ),
        (f"{FETCHING}::test_what_comes_while_it_is_looked_for_is_not_called_the_end",),
    ),
    Bug(
        "wal-beginning-is-kept-ahead",
        "The beginning of a segment that is fetched ahead is brought when it is asked for, though it is whole by then.",
        (
            Change(
                "service/wal_desk.py",
                "        return fetch_whole_segment(self._get_vault(), system_id, name)",
                "        return fetch_whole_segment(self._get_vault(), system_id, name) or fetch_wal(\n"
                "            self._get_vault(), system_id, name\n        )",
            ),
        ),
        (f"{SOCKET}::test_the_beginning_of_a_segment_is_not_kept_until_it_is_asked_for",),
    ),
    Bug(
        "wal-timeline-of-the-last-checkpoint",
        "A server that has just taken over is taken for the timeline that it left, until its next checkpoint.",
        (
            Change(
                "sources/postgres/wal_facts.py",
                "CASE WHEN pg_catalog.pg_is_in_recovery()\n  THEN (SELECT timeline_id",
                "CASE WHEN true\n  THEN (SELECT timeline_id",
            ),
        ),
        (f"{SLOTS}::test_a_server_that_took_over_is_on_its_new_timeline_before_its_next_checkpoint",),
    ),
    Bug(
        "wal-server-that-went-back-is-received",
        "A server that was put back to an earlier moment is received again as soon as it has caught up: what is saved "
        "is of two servers.",
        (
            Change(
                "service/wal_receiving.py",
                "            self._spool.note_astray(facts.timeline)\n        if state.astray == facts.timeline:",
                "            pass\n        if facts.position < saved and not facts.is_in_recovery:",
            ),
        ),
        (f"{RECEIVER}::test_a_server_that_went_back_is_refused_also_when_it_has_caught_up_by_then",),
    ),
    Bug(
        "wal-spool-puts-once",
        "A segment that was put once is taken for put, though the vault is an older one by now.",
        (
            Change(
                "service/wal_spool.py",
                "                if number > self.state.have.get(timeline, -1):",
                "                if number < 0:",
            ),
        ),
        (f"{SPOOL}::test_what_the_vault_has_no_more_is_put_again",),
    ),
    Bug(
        "wal-spool-keeps-a-foreign-history",
        "The history that another cluster left in the spool is archived as one of the new cluster.",
        (
            Change(
                "service/wal_spool_files.py",
                "        if is_needless(each):\n",
                "        if each.endswith('.history'):\n            continue\n        if is_needless(each):\n",
            ),
            Change(
                "service/wal_spool.py",
                "            for each in filter(is_history, list_names(self.folder)):\n                os.unlink",
                "            for each in filter(is_history, []):\n                os.unlink",
            ),
        ),
        (f"{SPOOL}::test_what_another_cluster_left_is_not_gone_on_from_and_its_history_is_not_taken_for_the_new_one",),
    ),
    Bug(
        "wal-whole-without-its-history",
        "A base of a later timeline is called whole although nothing in the vault tells where its timeline comes from.",
        (
            Change(
                "operations/wal/coverage.py",
                "    if timeline > 1:\n        _prove_history",
                "    if timeline < 1:\n        _prove_history",
            ),
        ),
        (f"{FETCHING}::test_a_range_of_a_later_timeline_is_proven_only_with_its_history",),
    ),
    Bug(
        "wal-another-content-is-success",
        "A segment whose name is taken counts as archived, whatever is there.",
        (
            Change(
                "vault/streams.py", "    if present.content_id != record.content_id:", "    if not present.content_id:"
            ),
        ),
        (f"{ARCHIVING}::test_the_same_segment_again_is_success_and_another_content_is_refused_and_changes_nothing",),
    ),
    Bug(
        "wal-store-away-is-the-end",
        "A store that does not answer is told to PostgreSQL as the end of the log: it promotes.",
        (
            Change(
                "service/wal_socket.py",
                'return f"failed {error.message} {error.hint}"',
                'return "absent" if found[1] == "fetch" else f"failed {error.message} {error.hint}"',
            ),
        ),
        (f"{SOCKET}::test_a_store_that_does_not_answer_is_no_end_of_the_log",),
    ),
    Bug(
        "wal-hole-is-the-end",
        "A segment that is missing between others is told as the end of the log.",
        (
            Change(
                "operations/wal/fetching.py",
                "        raise _gap(name, timeline, found.last)\n    for child",
                "        return\n    for child",
            ),
        ),
        (f"{FETCHING}::test_a_hole_is_a_gap_and_no_end", f"{SOCKET}::test_only_what_is_proven_absent_ends_with_one"),
    ),
    Bug(
        "wal-history-hidden",
        "The history of a timeline is told to be absent though later ones are there: its number is given out twice.",
        (Change("operations/wal/fetching.py", "    if later:\n", "    if not name:\n"),),
        (f"{FETCHING}::test_a_history_that_is_missing_before_a_later_timeline_is_a_gap",),
    ),
    Bug(
        "wal-copies-archive",
        "A copy of the server archives into the log of the original.",
        (Change("operations/wal/archiving.py", "return known == place", "return True"),),
        (f"{ARCHIVING}::test_a_copy_of_the_server_may_not_archive_until_it_is_adopted",),
    ),
    Bug(
        "wal-other-clusters-archive",
        "Another cluster archives for a component.",
        (
            Change(
                "operations/wal/archiving.py",
                "if not hold_claim(vault, Claim(stream=CLUSTERS",
                "if not vault or False and not hold_claim(vault, Claim(stream=CLUSTERS",
            ),
        ),
        (f"{ARCHIVING}::test_another_cluster_is_refused_until_it_is_adopted",),
    ),
    Bug(
        "wal-short-segments-pass",
        "A segment that a full disk cut short is archived as if it were whole.",
        (Change("sources/postgres/wal_pages.py", "if size != page.segment_bytes:", "if size > page.segment_bytes:"),),
        (f"{ARCHIVING}::test_a_file_that_is_not_what_its_name_says_is_refused",),
    ),
    Bug(
        "wal-stale-file-acknowledged",
        "What was archived ahead is acknowledged for another file that has the name now.",
        (Change("service/wal_desk.py", "ahead.identity == identity and ", ""),),
        (f"{SOCKET}::test_what_was_archived_ahead_and_is_another_file_now_is_looked_at_again",),
    ),
    Bug(
        "wal-old-bases-forgotten",
        "Clean-up takes the log that an older base needs.",
        (
            Change(
                "operations/wal/retention.py",
                "        and not any(first <= number <= last for first, last in kept)\n",
                "",
            ),
        ),
        (f"{RETENTION}::test_the_window_stays_from_the_base_that_reaches_its_beginning_and_of_older_bases_their_own",),
    ),
    Bug(
        "wal-stream-leaves-a-hole",
        "After a fail-over the stream goes on behind what the old server sent, not where the new one left it.",
        (
            Change(
                "service/wal_anchors.py",
                "return following, switch.lsn // segment_bytes - 1",
                "return following, have[switch.timeline]",
            ),
        ),
        (f"{SPOOL}::test_the_stream_goes_on_where_nothing_is_left_out",),
    ),
    Bug(
        "wal-stream-begins-at-the-end-of-a-timeline",
        "Where a standby took over between two segments, the server is asked for what its old timeline never had.",
        (Change("service/wal_anchors.py", "* segment_bytes < switch.lsn:", "* segment_bytes <= switch.lsn:"),),
        (f"{SPOOL}::test_the_stream_goes_on_where_nothing_is_left_out",),
    ),
    Bug(
        "wal-histories-are-asked-of-who-has-none",
        "A server that was made on a later timeline is not received: it has no history of the ones before.",
        (Change("service/wal_receiving.py", "        self._spool.keep_histories(", "        len("),),
        (f"{RECEIVER}::test_histories_of_earlier_timelines_are_laid_down_for_a_stream_along_them",),
    ),
    Bug(
        "wal-what-is-deleted-meanwhile-is-forgotten",
        "What is deleted from the spool while the rest is put is not missed; the server is told that it is flushed.",
        (Change("service/wal_spool.py", "for each in self._seen | now if", "for each in now if"),),
        (f"{SPOOL}::test_what_is_deleted_while_the_rest_is_put_is_missed_afterwards",),
    ),
    Bug(
        "wal-first-place-is-forgotten",
        "What came before the vault had anything never comes again, once the directory that it lay in is gone.",
        (
            Change(
                "service/wal_spool.py",
                "for each, number in self.state.before.items():\n            have",
                "for each, number in ():\n            have",
            ),
        ),
        (f"{SPOOL}::test_where_the_first_stream_began_is_remembered_until_the_vault_has_something",),
    ),
    Bug(
        "wal-spool-emptied-early",
        "Segments leave the spool before the vault has them.",
        (
            Change(
                "service/wal_spool.py",
                "            self._archive.push(WalFile(name=name, content=content, system_id=system_id))\n",
                "            self._put.add(path)\n            self._drop_old()\n"
                "            self._archive.push(WalFile(name=name, content=content, system_id=system_id))\n",
            ),
        ),
        (f"{SPOOL}::test_nothing_leaves_the_spool_that_the_store_did_not_take",),
    ),
    Bug(
        "wal-standby-is-stuck",
        "A standby that takes over may not bring the end of the timeline that it left: it never archives again.",
        (Change("operations/wal/archiving.py", "            is_partial(file.name)\n            or ", "            "),),
        (f"{ARCHIVING}::test_a_standby_that_was_promoted_archives_the_end_of_the_timeline_that_it_left",),
    ),
    Bug(
        "wal-who-went-on-may-not-look-back",
        "What the dead server never archived cannot be brought from the one that took over.",
        (
            Change(
                "operations/wal/archiving.py",
                "return known == place or self._is_further(",
                "return known == place and bool(",
            ),
        ),
        (f"{ARCHIVING}::test_a_standby_that_was_promoted_archives_the_end_of_the_timeline_that_it_left",),
    ),
    Bug(
        "wal-short-partial-stops-the-stream",
        "After a power cut of the receiving machine the stream never begins again.",
        (Change("service/wal_spool.py", "                self._make_whole(other)\n", "                continue\n"),),
        (f"{SPOOL}::test_an_unfinished_segment_that_a_power_cut_made_short_is_gone_on_from",),
    ),
    Bug(
        "wal-counted-failures-are-believed",
        "An archiver that dies each time is not noticed, since it counts no failure.",
        (
            Change(
                "operations/wal/standing.py",
                "    elif _is_silent(facts):\n",
                "    elif facts.archiver.failed and _is_silent(facts):\n",
            ),
            Change(
                "operations/wal/standing.py",
                "    if facts is None or behind is None or",
                "    if facts is None or not facts.archiver.failed or behind is None or",
            ),
        ),
        (
            f"{STANDING}::test_a_server_that_does_not_archive_is_told_why",
            f"{STANDING}::test_a_server_that_is_far_ahead_of_the_vault_is_told_whatever_it_counts",
        ),
    ),
    Bug(
        "wal-idle-slot-is-good",
        "A slot that nobody uses is no trouble as long as the server holds everything back for it.",
        (
            Change(
                "operations/wal/standing.py",
                "        elif not slot.is_active:\n",
                "        elif not slot.is_active and not held:\n",
            ),
        ),
        (f"{STANDING}::test_a_slot_that_may_fill_the_disk_or_was_lost_is_told",),
    ),
    Bug(
        "a-slot-is-renewed-without-the-word",
        "A slot that waits for what the server has removed is made anew by itself: a gap that nobody accepted.",
        (
            Change(
                "service/wal_receiving.py",
                "        if self._accepts_gap:\n            self._renew_slot(",
                "        if self._receiving.slot:\n            self._renew_slot(",
            ),
        ),
        (f"{RECEIVED}::test_a_slot_that_waits_for_what_was_removed_is_made_anew_only_with_the_word",),
    ),
    Bug(
        "an-accepted-gap-changes-nothing",
        "A slot that waits for what the server has removed stays so, and nothing comes, though the gap is accepted.",
        (
            Change(
                "service/wal_receiving.py",
                "        if self._accepts_gap:\n            self._renew_slot(access, database)\n",
                "",
            ),
        ),
        (f"{RECEIVED}::test_a_slot_that_waits_for_what_was_removed_is_made_anew_only_with_the_word",),
    ),
    Bug(
        "a-slot-that-is-whole-is-renewed",
        "Who accepts a gap loses what the server still held back for the slot as well.",
        (Change("sources/postgres/wal_stream.py", "AND NOT EXISTS (SELECT FROM", "AND EXISTS (SELECT FROM"),),
        (f"{SLOTS}::test_a_slot_whose_log_is_there_stays",),
    ),
    Bug(
        "a-slot-that-has-all-is-renewed",
        "Who accepts a gap loses a slot that waits for nothing, because the server has not begun its next file.",
        (Change("sources/postgres/wal_stream.py", "digits IS NOT NULL AND is_written AND", "digits IS NOT NULL AND"),),
        (f"{SLOTS}::test_a_slot_that_has_all_of_an_idle_server_stays",),
    ),
    Bug(
        "what-waits-is-saved",
        "What came behind a file that still waits on the server counts as saved, though it leads nowhere yet.",
        (Change("operations/wal/standing.py", "        if late:\n", "        if late and not late:\n"),),
        (f"{STANDING}::test_what_waits_its_turn_on_the_server_is_no_gap_and_is_not_counted_as_saved",),
    ),
    Bug(
        "a-hole-is-on-its-way",
        "What the server has, and will never bring by itself, counts as on its way: nobody is told of the gap.",
        (
            Change(
                "operations/wal/holes.py",
                "self._find_numbers(timeline, self._waiting, numbers)",
                "self._find_numbers(timeline, [*self._waiting, *self._kept], numbers)",
            ),
        ),
        (f"{STANDING}::test_a_gap_is_told_with_what_is_known_of_it_on_the_server",),
    ),
    Bug(
        "wal-tail-with-a-hole",
        "Pieces behind a hole in an unfinished segment count as saved.",
        (Change("operations/wal/tails.py", "        if begin > end:\n            break\n", ""),),
        (f"{STANDING}::test_pieces_of_the_segment_that_is_not_whole_count_as_saved",),
    ),
    Bug(
        "a-stream-without-its-first-bytes",
        "What a server in a container says in one piece with our mark is lost: its stream never begins.",
        (
            Change(
                "sources/channels/joining.py",
                "        del self._held[: place + len(self._mark)]\n",
                "        self._held.clear()\n",
            ),
        ),
        (f"{JOINING}::test_what_comes_in_one_piece_with_the_mark_is_not_lost",),
    ),
    Bug(
        "what-is-inside-stays",
        "Who receives is gone, and what joined it to the server stays in the container, with the slot in use.",
        (
            Change(
                "sources/channels/relay.py",
                "    joined.end_input()\n    if not ended.wait(_GRACE_SECONDS):\n        joined.close()\n",
                "",
            ),
        ),
        (f"{JOINING}::test_every_byte_passes_both_ways_at_once_by_whatever_the_image_has",),
    ),
    Bug(
        "an-end-that-was-too-early",
        "A server in a container that leaves before its end is waited for: the stream hangs for ever.",
        (
            Change(
                "sources/channels/joining.py",
                'while kill -0 "$reader" && kill -0 "$copier"; do read -r -t 0.1 -u 5; done 2> /dev/null',
                "wait -n",
            ),
        ),
        (f"{JOINING}::test_a_server_that_leaves_at_once_ends_the_stream",),
    ),
    Bug(
        "an-nc-that-never-ends",
        "A netcat of OpenBSD is not told to end with its input: it stays in the container for ever.",
        (Change("sources/channels/joining.py", "if helps N; then echo ' -N'; elif helps q", "if helps q"),),
        (f"{JOINING}::test_what_is_called_nc_is_told_apart_by_its_help",),
    ),
    Bug(
        "an-image-that-joins-nothing-is-tried",
        "An image without any program that could join is not told: the stream fails for ever, and no word says why.",
        (Change("sources/channels/joining.py", '    if way == "none":', '    if way == "":'),),
        (f"{JOINING}::test_an_image_without_any_of_them_is_told_with_the_ways_out",),
    ),
    Bug(
        "a-stream-that-only-begins-has-come",
        "A stream that the server refuses is begun every second for ever, with a line in the log each time.",
        (
            Change(
                "service/wal_receiving.py",
                "if self._has_come or self._spool.last_written_ns() <= self._written_ns:",
                "if self._has_come:",
            ),
        ),
        (f"{RECEIVER}::test_a_stream_that_fails_as_it_begins_is_tried_less_and_less_often_and_told_once",),
    ),
    Bug(
        "a-copier-dies-of-a-pipe",
        "What is left of a stream in a container dies by a signal there; its server, which is process 1, restarts.",
        (Change("sources/channels/joining.py", "trap '' PIPE\n", ""),),
        (f"{JOINING}::test_nothing_that_is_left_behind_makes_a_server_that_is_process_1_restart",),
    ),
    Bug(
        "one-of-two-beginnings-is-taken",
        "Two later histories tell two beginnings of a timeline, and one of them is handed out as its own.",
        (
            Change(
                "operations/wal/fetching.py",
                "return found.pop() if len(found) == 1 else None",
                "return found.pop() if found else None",
            ),
        ),
        (f"{FETCHING}::test_later_histories_that_tell_two_ways_to_a_timeline_prove_none",),
    ),
    Bug(
        "a-resting-receiver-is-given-up",
        "A receiver that rests between two tries is taken for none: the snapshot is partial for nothing.",
        (Change("operations/proving_wal.py", "Receiving.PAUSES: 40.0", "Receiving.PAUSES: 10.0"),),
        (f"{WAITING}::test_a_receiver_that_rests_between_two_tries_is_awaited_and_said_to_be_missing",),
    ),
)
