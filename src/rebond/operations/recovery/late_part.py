"""A component of files in a volume or a container, on its way back to a machine where that is not made yet.

Its place is found, or made without starting anything, when the files of the stack are there, and filled before any
service starts. Nothing that lay there is moved: where the place is in use, or is none on this machine, the component is
left out of the run, which is told, and stays so. What an image brings into a volume that was made for this run is set
aside like any old version.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from rebond.errors import RebondError, SourceError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.journal import is_noted, note_read
from rebond.operations.recovery.own_touches import Touches
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.remembered_places import BESIDE
from rebond.operations.recovery.reserve import write_note
from rebond.presence import is_there
from rebond.progress import Observer

SEEN, _LEFT, _ASIDE, _INSIDE = "volumes", "left-out", "aside", "kept-inside"
_OF_THE_DISK = b"lost+found"


class KeptInside(SourceUnfit):
    """Files that no folder of this machine holds: their container keeps them in itself, or is not there."""

    @classmethod
    def of(cls, error: SourceUnfit) -> "KeptInside":
        """Return an error that says the same."""
        return cls(error.template, hint=error.hint_template, **error.values)


class LatePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a component lies, now that it can be seen. ``mine`` are the paths there that it alone brings.

    ``volume`` is what the engine calls the volume that it is in; empty for a folder of this machine.
    """

    place: FilesPlace
    mine: Sequence[bytes]
    volume: str = ""


class Maker(Protocol):
    """What has containers and volumes on this machine, as one component needs it. All raise ``RebondError``."""

    def list_volumes(self) -> Sequence[str]:
        """Return the names of all volumes."""
        ...

    def make(self) -> None:
        """Make the volume or the container of the component; what is there stays, and nothing is started."""
        ...

    def find(self) -> LatePlace:
        """Return where the component lies. Raises ``SourceError`` where it is not there, or is not to be reached."""
        ...


@runtime_checkable
class ComesLate(Protocol):
    """A part whose place is made in the course of the run."""

    def look(self) -> None:
        """Note what is there before anything is made for this run."""
        ...

    def make(self, observer: Observer) -> None:
        """See that the place is there, and free; leave the component out of the run where it cannot be."""
        ...

    def is_left_out(self) -> bool:
        """Say whether it was left out of the run."""
        ...


class LatePart:
    """Implements ``Part`` and ``ComesLate``, with a ``FilePart`` as soon as its place is known."""

    def __init__(
        self,
        name: str,
        kind: str,
        wish: Wish,
        *,
        find_maker: Callable[[], Maker],
        run: str,
        folder: Path,
        source: Source | None,
    ) -> None:
        """``find_maker`` is asked when it is needed: what says how may itself have come back by then."""
        self.name = name
        self.kind = kind
        self._wish = wish
        self._find_maker = find_maker
        self._run = run
        self._folder = folder
        self._source = source
        self._found: FilesPlace | None = None  # by this process: asking an engine takes a while

    def rooms(self) -> Sequence[Room]:
        """As for any files, once it is known where the engine puts it; before that nothing."""
        return () if self._found is None else self._land(self._found).rooms()

    # -- the place -------------------------------------------------------------------------------

    def require_free(self) -> None:
        """Raise ``SourceUnfit`` where something lies already, in a place that can be seen before the run."""
        try:
            found = self._find_maker().find()
        except SourceError:
            return  # it is made later
        self._require_free(found)
        self._found = found.place

    def look(self) -> None:
        """Note, once, which volumes there are: what is in one of them was not brought for this run."""
        if self.is_left_out() or self._list_seen() is not None:
            return
        try:
            seen = sorted(self._find_maker().list_volumes())
        except SourceError as error:
            self._leave(error)
            return
        self._note(SEEN, msgspec.json.encode(seen))

    def make(self, observer: Observer) -> None:
        """Find the place, or make it. What keeps it from that is told, and the run goes on without it."""
        self._found = None  # what could be seen before the run may have been another stack's
        if not self.is_left_out():
            try:
                found = self._find_or_make(self._find_maker())
                self._require_free(found)
                self._found = found.place
            except SourceError as error:
                self._leave(error)
        if self.is_left_out():
            observer.noticed(
                Finding(
                    code="left-out",
                    severity=Severity.WARNING,
                    subject=self.name,
                    template="{component} is not brought back by this run: {reason}",
                    hint_template="The command at the end of this run brings it.",
                    values={"component": self.name, "reason": (self._folder / _LEFT).read_text()},
                )
            )

    def _find_or_make(self, maker: Maker) -> LatePlace:
        try:
            return maker.find()
        except SourceError:
            maker.make()
        return maker.find()

    def _require_free(self, found: LatePlace) -> None:
        seen = self._list_seen()
        if found.volume and seen is not None and found.volume not in seen:
            return  # made for this run: what lies in it came out of the image
        for path in found.mine:
            if _holds_something(path):
                raise SourceUnfit(
                    "{path}, where {component} belongs, already holds something, which stays as it is.",
                    hint="This puts what was saved there, and keeps what it finds: {command}",
                    path=path.decode(errors="backslashreplace"),
                    component=self.name,
                    command=f"rebond restore latest {self.name} --in-place",
                )

    def is_left_out(self) -> bool:
        """Say whether a run with this folder went on without it."""
        return was_left_out(self._folder)

    def _list_seen(self) -> list[str] | None:
        with note_read(self._run, self._folder / SEEN):
            return read_seen(self._folder)

    def _leave(self, error: RebondError) -> None:
        if isinstance(error, KeptInside):
            self._note(_INSIDE, b"")
        self._note(_LEFT, error.message.encode())

    def _note(self, name: str, content: bytes) -> None:
        write_note(self._folder / name, content, component=self.name)

    # -- forward ---------------------------------------------------------------------------------

    def fetch(self, observer: Observer) -> None:
        """Bring it beside its place. Raises ``RebondError``."""
        if not self.is_left_out():
            self._forward().fetch(observer)

    def set_aside(self) -> None:
        """Move aside what an image brought."""
        if not self.is_left_out():
            self._forward().set_aside()

    def put(self) -> None:
        """Move aside what lies there, which no other step does, and the new version into its place."""
        if not self.is_left_out():
            part = self._forward()
            if not is_noted(self._run, self._folder / _ASIDE):  # else what lies there is the new version already
                part.set_aside()
                self._note(_ASIDE, b"")
            part.put()

    def _forward(self) -> FilePart:
        if self._found is None:
            self._found = self._find_maker().find().place
        return self._land(self._found)

    def _land(self, place: FilesPlace) -> FilePart:
        return FilePart(place, self._wish, run=self._run, folder=self._folder, source=self._source)

    # -- back: by what the landing remembers, without an engine -----------------------------------

    def _back(self) -> FilePart:
        return self._land(FilesPlace(name=self.name, kind=self.kind, top=b""))

    def has_brought(self) -> bool:
        """Say whether anything of it was fetched."""
        return self._back().has_brought()

    def take_back(self) -> None:
        """Undo what was put. The container and the volume that were made stay: nothing of the stack is in them."""
        self._back().take_back()

    def discard(self) -> None:
        """Remove what was fetched."""
        self._back().discard()

    def accept(self) -> None:
        """Delete what was set aside."""
        self._back().accept()

    def keep_new(self) -> None:
        """Keep what was taken back."""
        if self.has_brought():
            self._back().keep_new()

    def find_newer(self) -> str:
        """Say where that lies which was kept."""
        return self._back().find_newer()

    def describe_aside(self) -> str:
        """Say where that lies which an image brought."""
        return self._back().describe_aside()

    def was_written_since(self, since_ns: int, own: Touches) -> bool:
        """Look at every time in the new version."""
        return self._back().was_written_since(since_ns, own)


def was_left_out(folder: Path) -> bool:
    """Say whether a part with this folder was left out of its run."""
    return is_there(folder / _LEFT)


def was_kept_inside(folder: Path) -> bool:
    """Say whether that was because its container keeps it in itself."""
    return is_there(folder / _INSIDE)


def read_seen(folder: Path) -> list[str] | None:
    """Return the volumes that were there before the run of a part; ``None`` before it looked. Raises as notes do."""
    try:
        return msgspec.json.decode((folder / SEEN).read_bytes(), type=list[str])
    except FileNotFoundError:
        return None


def _holds_something(path: bytes) -> bool:
    """Say whether anything lies at a path, but for an empty directory, or one with what a restore keeps in it."""
    if not os.path.isdir(path) or os.path.islink(path):
        return os.path.lexists(path)
    try:
        names = os.listdir(path)
    except OSError:
        return True  # nobody knows
    return any(each != _OF_THE_DISK and not each.startswith(os.fsencode(BESIDE)) for each in names)
