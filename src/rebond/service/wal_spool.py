"""The directory that a stream of the log is written to, and its way from there into the vault.

What was put into the vault leaves the directory, but for the newest whole segment: by its name pg_receivewal knows
where to go on, so that nothing is left out.
"""

import contextlib
import logging
import os
from pathlib import Path

from rebond.durable_files import DIRECTORY_MODE, make_directories_durably, replace_durably
from rebond.errors import RebondError, SourceUnfit, UsageError
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.operations.wal.coverage import Coverage
from rebond.operations.wal.ledger import WalLedger
from rebond.operations.wal.tails import put_tail
from rebond.presence import is_folder, is_there
from rebond.service.wal_anchors import add_what_lies_here, find_anchor, find_before, find_held
from rebond.service.wal_begun import BegunSegments
from rebond.service.wal_spool_files import (
    ASIDE,
    count_bytes,
    find_first_page,
    has_room,
    is_anchor,
    is_of_stream,
    last_written_ns,
    leave_former,
    list_names,
)
from rebond.service.wal_spool_state import STATE, SpoolState, load_state, require_no_spoilt_state, save_state
from rebond.sources.postgres.wal_names import (
    Switch,
    history_name,
    is_history,
    is_partial,
    is_segment,
    parse_history,
    parse_segment_name,
    segment_name,
)
from rebond.vault.access import Vault

LOG = logging.getLogger("rebond.wal")


class WalSpool:
    """One directory of one component. Used by one thread."""

    def __init__(self, folder: Path, archive: WalArchive, ledger: WalLedger) -> None:
        self.folder = folder
        self.make()
        self._archive = archive
        self._ledger = ledger
        self._put: set[str] = set()
        self._tails: dict[str, int] = {}
        self._seen: set[str] = set()
        self._being_put = ""
        self._begun = BegunSegments(folder, self._note_other)
        self._is_placed = False  # the stream goes on, or did, where it leaves nothing out
        self._way: tuple[int, tuple[Switch, ...]] | None = None  # the server's timeline, and where that comes from
        self.state = self._load()

    def make(self) -> None:
        """Make the directory, where it is not there. Raises ``OSError``."""
        make_directories_durably(os.fspath(self.folder), mode=DIRECTORY_MODE)

    def _load(self) -> SpoolState:
        """Return what was written down; where that is gone, what lies here says whose it is."""
        try:
            state = load_state(self.folder)
        except SourceUnfit as error:
            self._ledger.note_failure("", f"{error} {error.hint}", is_refused=True)
            raise
        page = None if state.system_id else find_first_page(self.folder)
        if page is not None:
            state = SpoolState(system_id=page.system_id, segment_bytes=page.segment_bytes)
            save_state(self.folder, state)
        return state

    def is_there(self) -> bool:
        """Say whether the directory and what ``look`` saw in it are there: nobody but us is to delete that.

        What became whole since is there by its other name. Raises ``OSError``.
        """
        if not is_folder(self.folder) or (self.state.system_id and not is_there(self.folder / STATE)):
            return False
        return all(
            is_there(self.folder / each)
            or (is_partial(each) and not each.startswith(ASIDE) and is_there(self.folder / each[:24]))
            for each in sorted(self._seen)
        )

    def look(self) -> None:
        """Remember what is there too, now; what only we take away is forgotten. Raises ``OSError``."""
        now = {each for each in list_names(self.folder) if is_of_stream(each.removeprefix(ASIDE))}
        self._seen = {each for each in self._seen | now if not is_partial(each) or each[:24] not in now}

    def _take_away(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.folder / name)
        self._seen -= {name, f"{name}.partial"}  # which it may have been when it was seen last

    def begin_anew(self) -> None:
        """Make the directory again, after it or a part was deleted; what is not in the vault is to come once more."""
        self.make()
        self._put.clear()
        self._tails.clear()
        self._seen.clear()
        self._is_placed = False
        if not is_there(self.folder / STATE):  # whoever deletes it says that the server did not go back
            self.state.astray = 0
        self._save()

    def names(self) -> list[str]:
        """Return the whole segments that are there, the oldest first; an anchor is among them."""
        return sorted((each for each in os.listdir(self.folder) if is_segment(each)), key=lambda each: (each[8:], each))

    def meet(self, system_id: int, segment_bytes: int) -> None:
        """Remember whose log comes here. What another cluster left goes, or is laid aside where it is not in the vault.

        A history does not say whose it is: where nobody knows whose log came here, the server sends it once more.
        """
        if (self.state.system_id, self.state.segment_bytes) != (system_id, segment_bytes):
            former = self.find_cluster()
            if former and (former != system_id or self.state.system_id):
                leave_former(self.folder, former, lambda each: self._is_needless(former, each))
            for each in filter(is_history, list_names(self.folder)):
                os.unlink(self.folder / each)
            self._put.clear()
            self._tails.clear()
            self._seen.clear()
            self._is_placed = False
            self.state = SpoolState(system_id=system_id, segment_bytes=segment_bytes)
        self._save()

    def is_adopted(self, system_id: int) -> bool:
        """Say whether the vault was told that this cluster is the component's. Raises ``StoreError``."""
        return self._archive.is_own(system_id)

    def find_cluster(self) -> int:
        """Return whose log lies here, also where the notes are gone; 0 for nobody's."""
        page = None if self.state.system_id else find_first_page(self.folder)
        return page.system_id if page is not None else self.state.system_id

    def require_sound_notes(self) -> None:
        """Raise ``Refused`` where what was written down once is spoilt, until somebody has looked at it."""
        require_no_spoilt_state(self.folder)

    def _is_needless(self, system_id: int, name: str) -> bool:
        """Say whether a file of a former cluster is a mere name, or stands in the vault as it is here."""
        if is_history(name) or name in self._put or (is_segment(name) and is_anchor(self.folder / name)):
            return True
        if is_partial(name.removeprefix(ASIDE)):
            return self._tails.get(name, 0) == count_bytes(self.folder / name)
        content = (self.folder / name).read_bytes()
        with contextlib.suppress(RebondError):  # nobody can tell: it stays
            return self._archive.has(WalFile(name=name.removeprefix(ASIDE), content=content, system_id=system_id))
        return False

    def note_astray(self, timeline: int) -> None:
        """Remember that the server writes anew what is saved of a timeline."""
        self.state.astray = timeline
        self._save()

    def _note_other(self, name: str) -> None:
        self._seen -= {name, f"{name}.partial"}
        self.note_astray(self._parse(name)[0])

    def note_refused(self, reason: str) -> None:
        """Write down for those who ask why nothing is received."""
        self._ledger.note_failure("", reason, is_refused=True)

    def note_slot(self, slot: str) -> None:
        """Write down over which slot it comes, for those who look at the server."""
        self._ledger.note_slot(slot)

    def note_put(self, fault: str) -> None:
        """Write down for those who ask whether what came here is put into the vault, or why it is not."""
        if fault:
            self._ledger.note_failure(self._being_put, fault, lies_in=str(self.folder))
        else:
            self._ledger.note_success()

    def learn(self, coverage: Coverage) -> None:
        """Remember what the vault has."""
        if coverage.system_id == self.state.system_id:
            self.state.have = {timeline: each.last for timeline, each in coverage.timelines.items()}
            for timeline, number, name in [(*self._parse(each), each) for each in self._put if is_segment(each)]:
                if number > self.state.have.get(timeline, -1):  # the vault is an older one, or another
                    self._put.discard(name)
            if any(number <= self.state.have.get(timeline, -1) for timeline, number in self.state.before.items()):
                self.state.before = {}
            with contextlib.suppress(OSError):  # on a full disk what lies here is to go all the same; it is asked again
                self._save()

    def push_whole(self) -> int:
        """Put every whole segment and history into the vault; return how many. Raises as ``WalArchive.push`` does.

        But for what lies behind a hole that the stream is to fill first: it would go on behind that.
        """
        count, system_id, self._being_put = 0, self.state.system_id, ""
        for path in self._list_whole():
            name = path.removeprefix(ASIDE)
            self._being_put = name
            content = (self.folder / path).read_bytes()
            self._begun.require_same(path, content)
            self._archive.push(WalFile(name=name, content=content, system_id=system_id))
            for gap in self._ledger.note_pushed(name, system_id):
                LOG.warning("a gap in the write-ahead log: %s never came", gap)
            self._put.add(path)
            if path != name:
                self._take_away(path)
            if is_segment(name):
                timeline, number = self._parse(name)
                self.state.have[timeline] = max(number, self.state.have.get(timeline, number))
                if path == name:
                    self.state.before = {}
            self._being_put = ""
            count += 1
        if count:
            self._save()
        self._drop_old()
        return count

    def _list_whole(self) -> list[str]:
        """Return what is to go into the vault, in order: histories, what no stream brings any more, and the rest."""
        present = [each for each in sorted(os.listdir(self.folder)) if each not in self._put]
        whole = [each for each in present if is_segment(each.removeprefix(ASIDE)) and not is_anchor(self.folder / each)]
        held = self._find_held() if not self._is_placed or any(each.startswith(ASIDE) for each in whole) else set()
        free = [
            each
            for each in whole
            if (self._is_placed and not each.startswith(ASIDE)) or self._parse(each.removeprefix(ASIDE)) not in held
        ]
        free.sort(key=lambda each: (each.removeprefix(ASIDE)[8:], each.removeprefix(ASIDE)))
        return [*filter(is_history, present), *free]

    def _find_held(self) -> set[tuple[int, int]]:
        """Return timeline and number of what lies here behind a hole; see ``find_held``."""
        here = self._list_here()
        if self._is_placed and self._way is None:  # the slot says where to go on: nothing is to be filled
            return set()
        timeline, history = self._way if self._is_placed and self._way else self._guess_way(here)
        return find_held(self._have(timeline, history), here, timeline, history, self.state.segment_bytes)

    def _guess_way(self, here: set[tuple[int, int]]) -> tuple[int, tuple[Switch, ...]]:
        """Return the newest timeline that is known here, and where that comes from; before the server was asked."""
        timeline = max([*self.state.have, *(each for each, _ in here)], default=1)
        with contextlib.suppress(FileNotFoundError, UsageError):
            return timeline, parse_history((self.folder / history_name(timeline)).read_bytes())
        return timeline, ()

    def push_tails(self, vault: Vault) -> int:
        """Put what came of segments that are not whole yet; return how many bytes. Raises ``StoreError``."""
        count = 0
        for name in [each for each in os.listdir(self.folder) if is_partial(each.removeprefix(ASIDE))]:
            whole = name.removeprefix(ASIDE).removesuffix(".partial")
            try:
                content = (self.folder / name).read_bytes()
            except FileNotFoundError:  # it has just become whole
                continue
            self._begun.require_same(name, content)
            begin = self._tails.get(name, 0)
            self._being_put, number = whole, self._parse(whole)[1]
            end = put_tail(vault, self.state.system_id, whole, content, begin, sequence=number)
            self._tails[name] = end
            count += end - begin
            self._being_put = ""
            if name.startswith(ASIDE):
                self._take_away(name)
        return count

    def place_anchor(self, timeline: int, history: tuple[Switch, ...], kept_from: int | None = None) -> str:
        """Make sure that the stream goes on behind what is there already; return the name of the last segment that is.

        ``timeline`` is the server's, ``history`` where that comes from, ``kept_from`` the position of the slot, which
        says where to begin when nothing was there yet. Empty when it does not say it. What an old timeline has beyond
        the point where the server's left it does not count.
        """
        segment_bytes = self.state.segment_bytes
        if kept_from is not None and not self._have(timeline, history):
            self.state.before = dict([find_before(kept_from, timeline, history, segment_bytes)])
            self._save()
        wanted = find_anchor(self._have(timeline, history), timeline, history, segment_bytes)
        if wanted is None:
            self._is_placed, self._way = True, None
            return ""
        name = segment_name(*wanted, segment_bytes)
        following = segment_name(wanted[0], wanted[1] + 1, segment_bytes)
        for other in [each for each in list_names(self.folder) if is_segment(each) or is_partial(each)]:
            if is_segment(other) and other != name and (is_anchor(self.folder / other) or other in self._put):
                self._drop(other)
            elif (is_segment(other) and other[8:] > name[8:]) or (is_partial(other) and other[:24] != following):
                self._set_aside(other)
            elif is_partial(other):
                self._make_whole(other)
        if not is_there(self.folder / name):
            with open(self.folder / name, "wb") as file:
                file.truncate(segment_bytes)
        self._tails.clear()
        self._begun.note()
        self._is_placed, self._way = True, (timeline, history)
        return name

    def keep_histories(self, histories: dict[int, bytes]) -> None:
        """Lay down whence timelines come that the stream goes along: of one that a server never was on it has no file.

        pg_receivewal asks the server for those that are not here, and ends where that has none. Raises ``OSError``.
        """
        for path, content in ((self.folder / history_name(each), content) for each, content in histories.items()):
            if not is_there(path):
                replace_durably(os.fspath(path), content)

    def _make_whole(self, name: str) -> None:
        """Give an unfinished segment its size, by zeros: a power cut may take its end, which pg_receivewal refuses."""
        if os.stat(self.folder / name).st_size not in {0, self.state.segment_bytes}:
            os.truncate(self.folder / name, self.state.segment_bytes)

    def _set_aside(self, name: str) -> None:
        """Take a file out of the way of pg_receivewal, until it is in the vault; of two, the one with more is kept."""
        aside = self.folder / f"{ASIDE}{name}"
        if is_there(aside) and count_bytes(aside) > count_bytes(self.folder / name):
            self._take_away(name)
        else:
            os.replace(self.folder / name, aside)
            self._seen -= {name, f"{name}.partial"}

    def _drop(self, name: str) -> None:
        """Delete what is in the vault, or a mere name; should it come again, it is put again."""
        self._take_away(name)
        self._put.discard(name)

    def forget_place(self, timeline: int, history: tuple[Switch, ...], kept_from: int | None) -> None:
        """Let the slot say where to go on, whatever is missing then. What is not in the vault yet stays, aside.

        See ``place_anchor`` for what is given. From then on that is where the log begins, until some of it is saved.
        """
        for each in os.listdir(self.folder):
            if is_segment(each) and (each in self._put or is_anchor(self.folder / each)):
                self._drop(each)
            elif is_segment(each) or is_partial(each):
                self._set_aside(each)
        self._tails.clear()
        self._is_placed, self._way = True, None if kept_from is None else (timeline, history)
        size = self.state.segment_bytes
        self.state.before = {} if kept_from is None else dict([find_before(kept_from, timeline, history, size)])
        self._save()

    def has_stream(self) -> bool:
        """Say whether something came since ``forget_place``."""
        return any(is_segment(each) or is_partial(each) for each in os.listdir(self.folder))

    def last_written_ns(self) -> int:
        """Return when something of a stream was written here last; 0 for never."""
        return last_written_ns(self.folder)

    def has_content(self) -> bool:
        """Say whether something lies here that is not in the vault."""
        left = [each for each in list_names(self.folder) if each not in self._put]
        names = [each for each in left if not is_segment(each) or not is_anchor(self.folder / each)]
        return any(is_partial(each) or is_segment(each) for each in (name.removeprefix(ASIDE) for name in names))

    def has_room(self) -> bool:
        """Say whether more may be written here: a disk that fills would take what else lives on it."""
        return has_room(self.folder)

    def _have(self, timeline: int, history: tuple[Switch, ...]) -> dict[int, int]:
        """Return the newest segment of each timeline, in the vault or here without a hole behind it.

        While the vault has none, the one before all that came. What lies here behind a hole, where somebody deleted
        the rest, is not gone on from: the server may still have it.
        """
        have = {**self.state.have}
        for each, number in self.state.before.items():
            have[each] = max(number, have.get(each, number))
        return add_what_lies_here(have, self._list_here(), timeline, history, self.state.segment_bytes)

    def _list_here(self) -> set[tuple[int, int]]:
        """Return timeline and number of each whole segment that lies here, also of those that lie aside."""
        own = [each for each in self.names() if not is_anchor(self.folder / each)]
        aside = [each.removeprefix(ASIDE) for each in list_names(self.folder) if each.startswith(ASIDE)]
        return {self._parse(each) for each in [*own, *filter(is_segment, aside)]}

    def _parse(self, name: str) -> tuple[int, int]:
        return parse_segment_name(name, self.state.segment_bytes)

    def _save(self) -> None:
        save_state(self.folder, self.state)

    def _drop_old(self) -> None:
        names = self.names()
        for name in names[:-1]:
            if name in self._put or is_anchor(self.folder / name):
                self._drop(name)
        for name in [each for each in self._tails if not is_there(self.folder / each)]:
            del self._tails[name]
