"""A component of files, of SQLite databases or of secrets on its way back into its place on this machine."""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from rebond.durable_files import fsync_directory, write_durably
from rebond.errors import RebondError, RestoreError, UsageError, VaultDamaged
from rebond.findings import Finding
from rebond.operations.recovery import swap_steps
from rebond.operations.recovery.earlier_fetches import choose_overwriting
from rebond.operations.recovery.folders import delete_tree, has_wanted, list_files, remove_empty
from rebond.operations.recovery.journal import is_noted, note_read
from rebond.operations.recovery.mounts import describe_mounted, require_replaceable
from rebond.operations.recovery.own_touches import Touches
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.remembered_places import PLACES, Places, choose_places, read_places
from rebond.operations.recovery.reserve import write_with_reserve
from rebond.operations.recovery.swapping import UNKNOWN, LiveShape, Swap, SwapQuestion, close_last, plan_swap
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.selection import Selection
from rebond.progress import Observer

MARKER = ".nobackup"  # so that no backup takes that folder in
SWAP, ASIDE, _TAKEN_BACK = "swap", "aside", "taken-back"

LookAtLive = Callable[[bytes, Callable[[bytes], bool]], LiveShape]


class FilesPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a component's tree lies, and what of that place is its own.

    ``top`` is where the tree begins, and ``inner`` the folder of the stored tree that lies there, mostly its root.
    ``look_at_live`` finds what has to stay of the live tree; ``None`` where only what the snapshot brings is replaced.
    With ``are_databases`` each file is one of SQLite. With ``keeps_modes`` a file gets the mode of the live
    one, because none was saved. ``excludes`` are patterns of what is not to be touched. ``near`` is a folder in which
    the versions lie if it can be, so that those of all components of a stack lie together. ``last`` is the name that
    comes last into its place and leaves it first: without it nobody takes a half for the whole. ``is_elsewhere`` says
    that this is not where it lived: folders that have to be made for it are then its owner's alone.
    """

    name: str
    kind: str
    top: bytes
    inner: bytes = b""
    look_at_live: LookAtLive | None = None
    are_databases: bool = False
    keeps_modes: bool = False
    excludes: tuple[str, ...] = ()
    near: bytes = b""
    last: bytes = b""
    is_elsewhere: bool = False


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What of the component is wanted; its snapshot holds so many files and bytes of it."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    keeps_owner: bool = True
    workers: int = 2


class FilePart:
    """Implements ``Part``: fetched beside the live tree, on its file system, and put in its place by renaming."""

    def __init__(self, place: FilesPlace, wish: Wish, *, run: str, folder: Path, source: Source | None) -> None:
        self.place = place
        self._wish = wish
        self._run = run
        self._folder = folder
        self.source = source
        self._selection = Selection.from_flags(wish.include, wish.exclude, others=place.excludes)

    @property
    def name(self) -> str:
        """The component's name."""
        return self.place.name

    @property
    def kind(self) -> str:
        """What it is."""
        return self.place.kind

    def rooms(self) -> Sequence[Room]:
        """All of it lies there twice for a while: the live version is renamed, not copied."""
        return [Room(path=self._choose_places().beside, needed_bytes=self._wish.bytes)]

    def require_same_thing(self) -> None:
        """Raise ``RestoreError`` where what lies in its place is another thing than what was saved."""

    def require_at_rest(self) -> None:
        """Raise ``RestoreError`` where it cannot be replaced as long as something works with it."""

    def remarks(self) -> Sequence[Finding]:
        """Say what of its place is a link or a mount point, as far as this part has to do with it."""
        return describe_mounted(self.place.top, self._is_touched)

    def _is_touched(self, path: bytes) -> bool:
        parts, name = path.split(b"/"), self.name.encode()
        above = [b"/".join(parts[: count + 1]) for count in range(len(parts))]
        if self.place.look_at_live is None or not self._may_matter(path):
            return False  # only what is brought is replaced: see ``require_replaceable``
        return not any(self._selection.excludes_path(name, each, is_directory=True) for each in above)

    # -- forward ---------------------------------------------------------------------------------

    def fetch(self, observer: Observer) -> None:
        """Bring it beside the live one. Raises ``VaultDamaged`` when a file of it cannot be had whole."""
        assert self.source is not None  # noqa: S101 - only undoing goes without a source
        places = self._remember_places()
        with self._telling(places.beside):
            target = places.new_folder(self.name)
            os.makedirs(target, mode=0o700, exist_ok=True)
            (Path(os.fsdecode(places.beside)) / MARKER).touch(mode=0o600)
        with self._telling(places.place):
            replaces = _holds_anything(places.place)
        self._bring(target, observer, replaces=replaces)
        with self._telling(places.place):
            require_replaceable(self.name, places.place, self._new_tree(places))

    def has_brought(self) -> bool:
        """Say whether anything lies where it is fetched to, or was put in its place from there."""
        with contextlib.suppress(OSError, RestoreError):  # what its notes are for is told when it is taken back
            places = self._find_places()
            if places is not None:
                return self._find_swap() is not None or bool(os.listdir(places.new_folder(self.name)))
        return False

    def _bring(self, target: bytes, observer: Observer, *, replaces: bool) -> None:
        """Fetch into a folder; what an earlier try left there is gone on with, unless the machine broke down since.

        What cannot be written here is a reason to leave what is live alone (``replaces``). Where nothing is, all else
        is better than nothing.
        """
        assert self.source is not None  # noqa: S101 - the caller looked
        with self._telling(target):
            overwrite = choose_overwriting(self._folder, target)
        request = RestoreRequest(
            target=target,
            components=(self.name,),
            selection=self._selection,
            overwrite=overwrite,
            keeps_owner=self._wish.keeps_owner,
            workers=self._wish.workers,
        )
        with self.source.reading() as reader:
            reader.expect_finds(self._wish.files)
            outcome = restore(self.source.vault, self.source.record, request, observer, opened=reader)
        if outcome.is_damaged:
            raise VaultDamaged(
                "The component {component} cannot be brought back whole from the snapshot {id}.",
                hint="Choose an earlier one ('rebond find NAME' lists versions), or bring what is whole with --to DIR.",
                component=self.name,
                id=self.source.record.snapshot.hex()[:12],
            )
        if outcome.unwritten and replaces:
            raise RestoreError(
                "The component {component} cannot be put in place whole: {path} could not be written.",
                hint="The live one was not touched. Mend what is said of it above and run the restore again; what "
                "cannot lie there at all may be left as it is with --exclude PATTERN.",
                component=self.name,
                path=outcome.unwritten[0].subject,
            )

    def set_aside(self) -> None:
        """Move what is live aside; what that is, is decided now that nothing writes any more."""
        places = self._remember_places()
        with self._telling(places.place):
            swap = self._find_swap() or self._plan(places)
            swap_steps.set_aside(swap)
        self._note(ASIDE, b"")

    def put(self) -> None:
        """Move the new version into its place; what lies there all the same is set aside first."""
        if not is_noted(self._run, self._folder / ASIDE):  # else what lies there may be the new version already
            self.set_aside()
        swap = self._require_swap()
        with self._telling(swap.place):
            for path in swap.made:  # whose modes nobody saved: whoever reads what lies in them has to pass
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o700 if self.place.is_elsewhere else 0o777)  # as the umask has it
            swap_steps.put(swap)

    def _plan(self, places: Places) -> Swap:
        new = self._new_tree(places)
        if not os.path.lexists(new):
            raise UsageError(
                "Nothing of the component {component} in this snapshot is what was asked for.",
                hint="'rebond ls -r SNAPSHOT {component}' lists what it holds.",
                component=self.name,
            )
        if self.place.keeps_modes:
            self._keep_modes(new, places.place)
        name = self.name.encode()

        def is_wanted(path: bytes) -> bool:
            return self._selection.includes_path(name, path, is_directory=True)

        shape = UNKNOWN
        if self.place.look_at_live is not None and os.path.isdir(places.place) and has_wanted(new, is_wanted):
            shape = self.place.look_at_live(places.place, self._may_matter)
        question = SwapQuestion(
            place=places.place,
            new=new,
            old=self._old_tree(places),
            added=os.path.join(places.newer_folder(self.name), b"added"),
            shape=shape,
            is_wanted=is_wanted if self.place.look_at_live is not None else _want_nothing,
            are_databases=self.place.are_databases,
        )
        swap = plan_swap(question)
        swap = msgspec.structs.replace(close_last(swap, self.place.last), made=places.made)
        self._note(SWAP, msgspec.msgpack.encode(swap))
        return swap

    def _may_matter(self, path: bytes) -> bool:
        name = self.name.encode()
        parts = path.split(b"/")
        above = (b"/".join(parts[: count + 1]) for count in range(len(parts)))
        return any(
            self._selection.includes_path(name, each, is_directory=True) for each in above
        ) or self._selection.may_include_below(name, path)

    def _keep_modes(self, new: bytes, place: bytes) -> None:
        """Give files the mode of those that they replace: the vault keeps every secret as one of its owner alone."""
        for path in list_files(new):
            live = os.path.join(place, path)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                status = os.stat(live)
                if stat.S_ISREG(status.st_mode):
                    os.chmod(os.path.join(new, path), stat.S_IMODE(status.st_mode) & 0o777)

    # -- back ------------------------------------------------------------------------------------

    def take_back(self) -> None:
        """Put the old version into its place again."""
        swap = self._find_swap()
        if swap is None or is_noted(self._run, self._folder / _TAKEN_BACK):
            return
        with self._telling(swap.place):
            swap_steps.take_back(swap)
            # From here on the new version may be deleted; taking back once more would take away the old one.
            self._note(_TAKEN_BACK, b"")

    def discard(self) -> None:
        """Remove what was brought, unless it was in its place and somebody wrote to it."""
        places = self._find_places()
        if places is None:
            return
        if self._find_swap() is not None and not is_noted(self._run, self._folder / _TAKEN_BACK):
            raise RestoreError("The component {component} is in its place and was not taken back.", component=self.name)
        remove_empty(places.old_folder(self.name))
        self._remove(places, places.new_folder(self.name))
        for path in reversed(places.made):
            with contextlib.suppress(OSError):  # something else lies there now
                os.rmdir(path)

    def accept(self) -> None:
        """Delete the old version."""
        places = self._find_places()
        if places is not None:
            self._remove(places, places.old_folder(self.name))
            self._remove(places, places.new_folder(self.name))

    def keep_new(self) -> None:
        """Keep the new version, because somebody wrote to it, when it was taken back."""
        places = self._remember_places()
        kept = os.path.join(places.newer_folder(self.name), b"restored")
        with self._telling(places.beside):
            new = places.new_folder(self.name)
            if os.path.lexists(new) and not os.path.lexists(kept):
                os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
                os.rename(new, kept)

    def find_newer(self) -> str:
        """Return where that lies which was written to the new version, or beside it; empty when there is nothing."""
        places = self._find_places()
        folder = places.newer_folder(self.name) if places is not None else b""
        return os.fsdecode(folder) if folder and os.path.isdir(folder) else ""

    def describe_aside(self) -> str:
        """Return the folder of the old version; empty where nothing lay there."""
        places = self._find_places()
        old = self._old_tree(places) if places is not None else b""
        return os.fsdecode(old) if old and os.path.lexists(old) else ""

    def was_written_since(self, since_ns: int, own: Touches) -> bool:
        """Look at every time in the new version."""
        swap = self._find_swap()
        return swap is not None and swap_steps.was_written_since(swap, since_ns, own)

    def _remove(self, places: Places, folder: bytes) -> None:
        with self._telling(folder):
            if os.path.lexists(folder):
                delete_tree(folder)
            with contextlib.suppress(OSError):  # other parts of the run still have something there
                for name in (b"new", b"old"):
                    if os.path.isdir(os.path.join(places.beside, name)):
                        os.rmdir(os.path.join(places.beside, name))
                if os.listdir(places.beside) == [MARKER.encode()]:
                    os.unlink(os.path.join(places.beside, MARKER.encode()))
                    os.rmdir(places.beside)

    # -- where things lie ------------------------------------------------------------------------

    def _new_tree(self, places: Places) -> bytes:
        return os.path.join(places.new_folder(self.name), self.name.encode(), self.place.inner).rstrip(b"/")

    def _old_tree(self, places: Places) -> bytes:
        return os.path.join(places.old_folder(self.name), self.name.encode())

    def _choose_places(self) -> Places:
        return choose_places(self.place.top, self.place.near, self._run)

    def _remember_places(self) -> Places:
        found = self._find_places()
        if found is None:
            found = self._choose_places()
            self._note(PLACES, msgspec.msgpack.encode(found))
        with self._telling(found.beside):
            os.makedirs(os.path.dirname(found.beside), mode=0o755, exist_ok=True)
        return found

    def _find_places(self) -> Places | None:
        with note_read(self._run, self._folder / PLACES):
            return read_places(self._folder)

    def _find_swap(self) -> Swap | None:
        with note_read(self._run, self._folder / SWAP):
            return read_swap(self._folder)

    def _require_swap(self) -> Swap:
        swap = self._find_swap()
        if swap is None:
            raise RestoreError("The component {component} was not set aside yet.", component=self.name)
        return swap

    def _note(self, name: str, content: bytes) -> None:
        """Remember something for ever, whole or not at all."""
        try:
            with contextlib.suppress(FileExistsError):  # an earlier try came so far
                path = os.fspath(self._folder / name)
                write_with_reserve(self._folder.parents[1], lambda: write_durably(path, content))
            fsync_directory(os.fspath(self._folder))
        except OSError as error:
            raise _failed(self.name, os.fsencode(self._folder), error) from error

    @contextlib.contextmanager
    def _telling(self, path: bytes) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _failed(self.name, os.fsencode(error.filename or path), error) from error
        except shutil.Error as error:
            raise RestoreError(
                "{component} could not be moved: {reason}", component=self.name, reason=str(error)
            ) from error


def _holds_anything(place: bytes) -> bool:
    try:
        return bool(os.listdir(place))
    except NotADirectoryError:
        return True
    except FileNotFoundError:
        return False


def read_swap(folder: Path) -> Swap | None:
    """Return what a part with this folder noted of its moves; ``None`` before. Raises as ``read_places`` does."""
    try:
        return msgspec.msgpack.decode((folder / SWAP).read_bytes(), type=Swap)
    except FileNotFoundError:
        return None


def _want_nothing(_path: bytes) -> bool:
    return False


def _failed(component: str, path: bytes, error: OSError) -> RebondError:
    return RestoreError(
        "{component} could not be brought back at {path}: {reason}",
        hint="Check the rights and the room there.",
        component=component,
        path=path.decode(errors="backslashreplace"),
        reason=error.strerror or str(error),
    )
