"""The directory that a stream of the log is written to, and its way from there into the vault.

What was put into the vault leaves the directory, but for the newest whole segment: by its name pg_receivewal knows
where to go on, so that nothing is left out.
"""

import contextlib
import logging
import os
import shutil
from pathlib import Path

import msgspec

from rebond.durable_files import DIRECTORY_MODE, make_directories_durably, replace_durably
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.operations.wal.coverage import Coverage
from rebond.operations.wal.ledger import WalLedger
from rebond.operations.wal.tails import put_tail
from rebond.presence import is_folder, is_there
from rebond.sources.postgres.wal_names import (
    Switch,
    is_history,
    is_partial,
    is_segment,
    parse_segment_name,
    segment_name,
    timeline_of,
)
from rebond.vault.access import Vault

LOG = logging.getLogger("rebond.wal")
STATE = "state.json"
_ASIDE = "aside-"  # what pg_receivewal is not to go on from, and is not in the vault yet
_HEAD_BYTES = 24
_LEAST_FREE_BYTES = 256 << 20
_LEAST_FREE_SHARE = 0.05


class SpoolState(msgspec.Struct, kw_only=True):
    """Whose log it is, and the newest segment of each timeline that is in the vault, for when that does not answer.

    ``before`` is the segment before the first one that ever came, for as long as the vault has none: what is lost here
    by then, the slot has let go, and the server may still have it.
    """

    system_id: int = 0
    segment_bytes: int = 0
    have: dict[int, int] = msgspec.field(default_factory=dict)
    before: dict[int, int] = msgspec.field(default_factory=dict)


class WalSpool:
    """One directory of one component. Used by one thread."""

    def __init__(self, folder: Path, archive: WalArchive, ledger: WalLedger) -> None:
        self.folder = folder
        self.make()
        self._archive = archive
        self._ledger = ledger
        self._put: set[str] = set()
        self._tails: dict[str, int] = {}
        self.state = SpoolState()
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self.state = msgspec.json.decode((folder / STATE).read_bytes(), type=SpoolState)

    def make(self) -> None:
        """Make the directory, where it is not there. Raises ``OSError``."""
        make_directories_durably(os.fspath(self.folder), mode=DIRECTORY_MODE)

    def is_there(self) -> bool:
        """Say whether the directory is there: nobody but us is to delete it, and somebody may."""
        return is_folder(self.folder)

    def begin_anew(self) -> None:
        """Make the directory again, after it was deleted; what is not in the vault is to come once more."""
        self.make()
        self._put.clear()
        self._tails.clear()
        self._save()

    def names(self) -> list[str]:
        """Return the whole segments that are there, the oldest first; an anchor is among them."""
        return sorted((each for each in os.listdir(self.folder) if is_segment(each)), key=lambda each: (each[8:], each))

    def meet(self, system_id: int, segment_bytes: int) -> None:
        """Remember whose log comes here."""
        if (self.state.system_id, self.state.segment_bytes) != (system_id, segment_bytes):
            self.state = SpoolState(system_id=system_id, segment_bytes=segment_bytes)
        self._save()

    def note_slot(self, slot: str) -> None:
        """Write down over which slot it comes, for those who look at the server."""
        self._ledger.note_slot(slot)

    def learn(self, coverage: Coverage) -> None:
        """Remember what the vault has."""
        if coverage.system_id == self.state.system_id:
            self.state.have = {timeline: each.last for timeline, each in coverage.timelines.items()}
            self._save()

    def push_whole(self) -> int:
        """Put every whole segment and history into the vault; return how many. Raises as ``WalArchive.push`` does."""
        count, system_id = 0, self.state.system_id
        present = sorted(os.listdir(self.folder))
        aside = [each for each in present if each.startswith(_ASIDE) and is_segment(each.removeprefix(_ASIDE))]
        for path in [*(each for each in present if is_history(each)), *aside, *self.names()]:
            name = path.removeprefix(_ASIDE)
            if path in self._put or self._is_anchor(path):
                continue
            content = (self.folder / path).read_bytes()
            self._archive.push(WalFile(name=name, content=content, system_id=system_id))
            for gap in self._ledger.note_pushed(name, system_id):
                LOG.warning("a gap in the write-ahead log: %s never came", gap)
            self._put.add(path)
            if path != name:
                os.unlink(self.folder / path)
            if is_segment(name):
                timeline, number = parse_segment_name(name, self.state.segment_bytes)
                self.state.have[timeline] = max(number, self.state.have.get(timeline, number))
            count += 1
        if count:
            self._save()
        self._drop_old()
        return count

    def push_tails(self, vault: Vault) -> int:
        """Put what came of segments that are not whole yet; return how many bytes. Raises ``StoreError``."""
        count = 0
        for name in [each for each in os.listdir(self.folder) if is_partial(each.removeprefix(_ASIDE))]:
            whole = name.removeprefix(_ASIDE).removesuffix(".partial")
            try:
                content = (self.folder / name).read_bytes()
            except FileNotFoundError:  # it has just become whole
                continue
            begin = self._tails.get(name, 0)
            number = parse_segment_name(whole, self.state.segment_bytes)[1]
            end = put_tail(vault, self.state.system_id, whole, content, begin, sequence=number)
            self._tails[name] = end
            count += end - begin
            if name.startswith(_ASIDE):
                os.unlink(self.folder / name)
        return count

    def place_anchor(self, timeline: int, history: tuple[Switch, ...], kept_from: int | None = None) -> str:
        """Make sure that the stream goes on behind what is there already; return the name of the last segment that is.

        ``timeline`` is the server's, ``history`` where that comes from, ``kept_from`` the position of the slot, which
        says where to begin when nothing was there yet. Empty when it does not say it. What an old timeline has beyond
        the point where the server's left it does not count.
        """
        segment_bytes = self.state.segment_bytes
        if kept_from is not None and not self._have():
            self.state.before = dict([_find_before(kept_from, timeline, history, segment_bytes)])
            self._save()
        wanted = find_anchor(self._have(), timeline, history, segment_bytes)
        if wanted is None:
            return ""
        name = segment_name(*wanted, segment_bytes)
        for other in [each for each in os.listdir(self.folder) if is_segment(each) or is_partial(each)]:
            if is_segment(other) and other != name and (self._is_anchor(other) or other in self._put):
                os.unlink(self.folder / other)
            elif _leads_astray(other, name):
                os.replace(self.folder / other, self.folder / f"{_ASIDE}{other}")
            elif is_partial(other):
                self._make_whole(other)
        if not is_there(self.folder / name):
            with open(self.folder / name, "wb") as file:
                file.truncate(segment_bytes)
        self._tails.clear()
        return name

    def _make_whole(self, name: str) -> None:
        """Give an unfinished segment its size: a power cut may have taken its end, and pg_receivewal refuses that.

        It is filled up with zeros, as it was; the stream begins at the beginning of this segment anyway.
        """
        if os.stat(self.folder / name).st_size not in {0, self.state.segment_bytes}:
            os.truncate(self.folder / name, self.state.segment_bytes)

    def forget_place(self) -> None:
        """Let the slot say where to go on, whatever is missing then. What is not in the vault yet stays, aside."""
        for each in os.listdir(self.folder):
            if is_segment(each) and (each in self._put or self._is_anchor(each)):
                os.unlink(self.folder / each)
            elif is_segment(each) or is_partial(each):
                os.replace(self.folder / each, self.folder / f"{_ASIDE}{each}")
        self._tails.clear()
        self.state.before = {}
        self._save()

    def has_stream(self) -> bool:
        """Say whether something came since ``forget_place``."""
        return any(is_segment(each) or is_partial(each) for each in os.listdir(self.folder))

    def last_written_ns(self) -> int:
        """Return when something of a stream was written here last; 0 for never."""
        times = [0]
        for each in os.listdir(self.folder):
            if is_segment(each) or is_partial(each):
                with contextlib.suppress(FileNotFoundError):  # the receiver has just given it its whole name
                    times.append(os.stat(self.folder / each).st_mtime_ns)
        return max(times)

    def has_content(self) -> bool:
        """Say whether something lies here that is not in the vault."""
        left = [each for each in os.listdir(self.folder) if each not in self._put]
        return any(
            is_partial(each.removeprefix(_ASIDE))
            or (is_segment(each.removeprefix(_ASIDE)) and not self._is_anchor(each))
            for each in left
        )

    def has_room(self) -> bool:
        """Say whether more may be written here: a disk that fills would take what else lives on it."""
        usage = shutil.disk_usage(self.folder)
        return usage.free > max(_LEAST_FREE_BYTES, min(_LEAST_FREE_SHARE * usage.total, 4 << 30))

    def _have(self) -> dict[int, int]:
        """Return the newest segment of each timeline, in the vault or here; else the one before all that came."""
        have = dict(self.state.have or self.state.before)
        for name in self.names():
            timeline, number = parse_segment_name(name, self.state.segment_bytes)
            if not self._is_anchor(name):
                have[timeline] = max(number, have.get(timeline, number))
        return have

    def _save(self) -> None:
        replace_durably(os.fspath(self.folder / STATE), msgspec.json.encode(self.state))

    def _is_anchor(self, name: str) -> bool:
        """Say whether a segment was made by us, for its name alone: a true one never begins with zeros."""
        with open(self.folder / name, "rb") as file:
            return file.read(_HEAD_BYTES) == bytes(_HEAD_BYTES)

    def _drop_old(self) -> None:
        names = self.names()
        for name in names[:-1]:
            if name in self._put or self._is_anchor(name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.folder / name)
                self._put.discard(name)
        for name in [each for each in self._tails if not is_there(self.folder / each)]:
            del self._tails[name]


def _leads_astray(name: str, anchor: str) -> bool:
    """Say whether pg_receivewal would go on from a file instead of from behind the anchor."""
    if is_segment(name):
        return name[8:] > anchor[8:]
    return timeline_of(name) != timeline_of(anchor) or name[8:24] <= anchor[8:]


def _find_before(position: int, timeline: int, history: tuple[Switch, ...], segment_bytes: int) -> tuple[int, int]:
    """Return timeline and number of the segment before the one with ``position``, on the way to ``timeline``."""
    number = position // segment_bytes
    for switch in history:
        if number < switch.lsn // segment_bytes:
            return switch.timeline, number - 1
    return timeline, number - 1


def find_anchor(
    have: dict[int, int], timeline: int, history: tuple[Switch, ...], segment_bytes: int
) -> tuple[int, int] | None:
    """Return timeline and number of the segment behind which the stream has to go on; ``None`` for nowhere yet."""
    if timeline in have:
        return timeline, have[timeline]
    ways = [*history]
    for position in range(len(ways) - 1, -1, -1):
        switch = ways[position]
        if switch.timeline not in have:
            continue
        following = ways[position + 1].timeline if position + 1 < len(ways) else timeline
        branch = switch.lsn // segment_bytes
        if have[switch.timeline] < branch:
            return switch.timeline, have[switch.timeline]
        return following, branch - 1
    return None
