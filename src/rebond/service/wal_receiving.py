"""``rebond wal receive``: the log as the server streams it, flushed here at once, and on from here into the vault."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from rebond.clock import Clock
from rebond.errors import RebondError, Refused, SourceError, SourceUnfit, StoreError, WalGap
from rebond.operations.wal.coverage import Coverage
from rebond.service.wal_begun import find_flushed_end, went_back
from rebond.service.wal_spool import WalSpool
from rebond.service.wal_spool_state import STATE
from rebond.sources.postgres.server import describe_input
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_facts import WalFacts, read_wal_facts
from rebond.sources.postgres.wal_names import cut_histories, parse_history, timeline_of
from rebond.sources.postgres.wal_stream import ask_history, describe_receiver, ensure_slot, renew_slot, says_removed
from rebond.stack.wal_ways import StreamWay
from rebond.subprocesses import RunningCommand
from rebond.vault.access import Vault

LOG = logging.getLogger("rebond.wal")
TAIL_SECONDS = 2.0
FAR_TAIL_SECONDS = 10.0  # where each put is a round trip, and is paid for
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """What a receiver is given. ``find_access`` looks the server up anew: it may have moved."""

    component: str
    slot: str
    find_access: Callable[[], tuple[Access, str]]
    get_vault: Callable[[], Vault]
    survey: Callable[[int], Coverage]
    way: StreamWay
    clock: Clock
    tail_seconds: float = TAIL_SECONDS
    accepts_gap: bool = False


class WalReceiver:
    """Streams one component's log. ``turn`` is called again and again; it never waits long."""

    def __init__(self, receiving: Receiving, spool: WalSpool) -> None:
        self._receiving = receiving
        self._clock = receiving.clock
        self._spool = spool
        self._running: RunningCommand | None = None
        self._accepts_gap = receiving.accepts_gap  # until something came behind the gap, and no longer
        self._was_refused = False
        self._is_unfit = False  # the server that was found last is not to be received
        self._not_before = 0.0
        self._failures = 0  # since something came
        self._has_come = False  # anything of this stream
        self._written_ns = 0  # before it began
        self._tail_at = 0.0
        self._told = ""
        self._told_of_vault = ""  # what keeps it from the vault, as long as that lasts
        self._has_left_over = True
        self._has_surveyed = False  # the vault, since somebody else may have put or deleted something

    def turn(self) -> None:
        """Put what came into the vault, see whether the stream still runs, and begin it where it does not."""
        try:
            if not self._spool.is_there():
                self._begin_anew()
            self._spool.look()
            self._look_at_stream()
        except OSError as error:  # it went away while it was looked at, or nobody can tell whether it is there
            self._tell("%s: %s", str(self._spool.folder), str(error))
            return
        self._push()
        now = self._clock.monotonic()
        if self._running is None and now >= self._not_before:
            try:
                self._begin()
            except (RebondError, OSError) as error:
                hint = error.hint if isinstance(error, RebondError) else ""
                reason = f"{error} {hint}".rstrip()
                self._tell("%s is not streamed: %s", self._receiving.component, reason)
                if isinstance(error, Refused):
                    self._is_unfit = True
                    self._spool.note_refused(reason)
                self._pause()
        with contextlib.suppress(OSError):  # what we took away ourselves is not missed
            self._spool.look()

    def close(self) -> None:
        """End the stream and put what came of it, also what is not whole."""
        self._end_stream()
        try:
            self._push()
        finally:
            self._receiving.way.close()

    def _begin(self) -> None:
        receiving = self._receiving
        if not self._spool.has_room():
            raise SourceUnfit("There is too little room in {path} to go on.", path=str(self._spool.folder))
        self._spool.require_sound_notes()
        access, database = receiving.find_access()
        facts = read_wal_facts(access, database)
        self._require_same(facts)
        self._spool.meet(int(facts.system_id), facts.segment_bytes)
        self._survey(int(facts.system_id))
        self._require_newest(facts)
        self._require_further(facts)
        self._is_unfit = False
        streamed = receiving.way.begin(access, database, facts.major)
        if self._accepts_gap:
            self._renew_slot(access, database)
        kept_from = ensure_slot(access, database, receiving.slot)
        self._spool.note_slot(receiving.slot)
        content = _ask_history(access, facts)
        history, anchor = parse_history(content), ""
        if self._accepts_gap:
            self._spool.forget_place(facts.timeline, history, kept_from)
            LOG.warning("%s: the stream goes on where the slot is, whatever is missing", receiving.component)
        else:
            anchor = self._spool.place_anchor(facts.timeline, history, kept_from)
            if not self._failures:
                LOG.info("%s is streamed from behind %s", receiving.component, anchor or "what the server writes now")
        self._spool.keep_histories(cut_histories(content, timeline_of(anchor) if anchor else 0))
        self._has_come, self._written_ns = False, self._spool.last_written_ns()
        command = describe_receiver(streamed, spool=str(self._spool.folder), slot=receiving.slot)
        self._running = RunningCommand(
            command,
            environment=receiving.way.environment,
            given=describe_input(streamed.server),
            keeps_input=True,
        )
        self._tail_at = self._clock.monotonic() + receiving.tail_seconds

    def _begin_anew(self) -> None:
        """Go on without what was deleted under us: the server still has what it holds for the slot."""
        self._end_stream()  # it writes into a file that nobody finds
        self._has_surveyed = False
        try:
            self._spool.begin_anew()
        except OSError as error:
            self._tell("%s cannot be made: %s", str(self._spool.folder), str(error))
            self._pause()
            return
        LOG.error(
            "%s: %s was deleted while the log was received into it. It is made again, and the stream goes on behind "
            "what the vault has; what lay there alone comes once more if the server still has it",
            *(self._receiving.component, self._spool.folder),
        )

    def _renew_slot(self, access: Access, database: str) -> None:
        """A slot that waits for what was removed would stay without a stream, whatever gap was accepted."""
        waited = renew_slot(access, database, self._receiving.slot, is_refused=self._was_refused)
        self._was_refused = False
        if waited is not None:
            LOG.warning(
                "%s: the slot %s was made anew; it waited for position %s, which the server has not kept",
                *(self._receiving.component, self._receiving.slot, waited or "?"),
            )

    def _survey(self, system_id: int) -> None:
        """Look at what the vault has. While it does not answer, what was seen last will do: only we add to it."""
        try:
            self._spool.learn(self._receiving.survey(system_id))
            self._has_surveyed = True
        except StoreError:
            if not self._spool.state.have:
                raise

    def _require_same(self, facts: WalFacts) -> None:
        known = self._spool.find_cluster()
        if (
            known
            and str(known) != facts.system_id
            and self._spool.has_content()
            and not self._spool.is_adopted(int(facts.system_id))
        ):
            raise Refused(
                "The server is another cluster than before: {found}, not {own}.",
                hint="Look at which server 'host' names. After pg_upgrade or initdb, run "
                "'rebond wal adopt --data DIR' once.",
                found=facts.system_id,
                own=known,
            )

    def _require_newest(self, facts: WalFacts) -> None:
        newest = max(self._spool.state.have, default=0)
        if newest > facts.timeline:
            raise Refused(
                "The server is on timeline {own}, and timeline {newest} is archived already.",
                hint="It is one that was replaced, or a copy: name the one that is in use under 'host'.",
                own=facts.timeline,
                newest=newest,
            )

    def _require_further(self, facts: WalFacts) -> None:
        """A disk that was put back writes what is saved once more, with another content: no base leads over that."""
        state = self._spool.state
        saved = max(
            (state.have.get(facts.timeline, -1) + 1) * facts.segment_bytes,
            find_flushed_end(self._spool.folder, facts.timeline, facts.segment_bytes),
        )
        if not facts.is_in_recovery and facts.position < saved and state.astray != facts.timeline:
            self._spool.note_astray(facts.timeline)
        if state.astray == facts.timeline:
            raise went_back(facts.timeline, str(self._spool.folder / STATE))

    def _look_at_stream(self) -> None:
        running = self._running
        if running is None:
            return
        if self._accepts_gap and self._spool.has_stream():
            self._accepts_gap = False
        self._see_what_came()
        if not self._spool.has_room():
            self._tell("%s: the stream is held, for %s is full", self._receiving.component, str(self._spool.folder))
            self._end_stream()
            self._pause()
        elif running.has_output(0):  # it writes nothing there: this is its end
            status, words = running.wait(), running.last_words()
            self._end_stream()
            trouble = self._receiving.way.explain()
            if says_removed(words):
                self._was_refused = True
                gap = WalGap(
                    "The server has not kept what comes next: {words}",
                    hint="Run 'rebond wal receive --accept-gap' once, and save the component at once, so that a new "
                    "base begins behind the gap.",
                    words=words,
                )
                self._tell("%s has a gap: %s", self._receiving.component, f"{gap.message} {gap.hint}")
            else:
                self._tell(
                    "%s: the stream ended with status %s",
                    self._receiving.component,
                    f"{status}: {words}{trouble and ' | '}{trouble}",
                )
            self._pause()

    def _see_what_came(self) -> None:
        """Forget the failures once this stream brings something: one that merely begins may fail for ever."""
        if self._has_come or self._spool.last_written_ns() <= self._written_ns:
            return
        self._has_come = True
        if self._failures:
            LOG.info("%s is streamed again", self._receiving.component)
        self._failures, self._told = 0, ""

    def _end_stream(self) -> None:
        if self._running is not None:
            self._running.end()
            self._running = None
            self._has_left_over = True

    def _push(self) -> None:
        """Put what is whole at once, what is not from time to time and after each end of the stream."""
        if not self._spool.state.system_id:
            return
        try:
            if not self._has_surveyed and self._spool.has_content():  # what is behind a hole is not put before that
                self._survey(self._spool.state.system_id)
            self._spool.push_whole()
            if self._has_left_over or self._clock.monotonic() >= self._tail_at:
                self._spool.push_tails(self._receiving.get_vault())
                self._has_left_over = False
                self._tail_at = self._clock.monotonic() + self._receiving.tail_seconds
                if not self._is_unfit:  # else why nothing comes is to be read on
                    self._spool.note_put("")
                if self._told_of_vault == self._told:  # the same trouble is news once more
                    self._told = ""
                self._told_of_vault = ""
        except (RebondError, OSError) as error:
            if isinstance(error, Refused) and self._spool.state.astray:
                self._end_stream()  # what it still writes is of no use
            self._tell("%s is flushed here and not in the vault: %s", self._receiving.component, str(error))
            if self._told_of_vault != self._told:
                self._spool.note_put(str(error))
            self._told_of_vault = self._told

    def _tell(self, template: str, *values: object) -> None:
        """Say it, where it is new: once is enough, every second is not."""
        text, before = template % values, self._told
        if text != before:
            LOG.error("%s", text)
        self._told = text

    def _pause(self) -> None:
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 8), _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        self._not_before = self._clock.monotonic() + pause


def _ask_history(access: Access, facts: WalFacts) -> bytes:
    try:
        return ask_history(access, facts.timeline)
    except SourceError as error:
        raise error.told_by(
            "The history of timeline {timeline} could not be read: {reason}",
            timeline=facts.timeline,
            reason=error,
        ) from error
