"""A PostgreSQL data directory on its way back: laid down beside the live one with its log, then put in its place."""

import os
from datetime import tzinfo
from pathlib import Path

from rebond.errors import RestoreError, WalGap
from rebond.operations.physical.targets import LATEST, SET, Target
from rebond.operations.point_in_time import recover_data_directory
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.folders import delete_tree
from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.swapping import LiveShape
from rebond.progress import Observer

_LOCK = "postmaster.pid"


class PhysicalPart(FilePart):
    """A part of files whose content is a data directory. Its server has to be stopped by ``stop``, and is looked for.

    The log is replayed when ``start`` starts it: ``healthy`` has to wait for that.
    """

    def __init__(
        self,
        name: str,
        top: bytes,
        wish: Wish,
        *,
        run: str,
        folder: Path,
        source: Source | None,
        target: Target = SET,
        stack: str = "",
        zone: tzinfo | None = None,
    ) -> None:
        """``top`` is the data directory; ``target`` the moment that the server is to come back to."""
        place = FilesPlace(name=name, kind="postgres", top=top, look_at_live=_take_all)
        super().__init__(place, wish, run=run, folder=folder, source=source)
        self._target = target
        self._stack = stack
        self._zone = zone

    def _bring(self, target: bytes, observer: Observer) -> None:
        assert self.source is not None  # noqa: S101 - the caller looked
        for name in os.listdir(target):  # half of one, from a try that was cut
            delete_tree(os.path.join(target, name))
        try:
            self._lay(target, self._target, observer)
        except WalGap:
            if self._target != LATEST:
                raise
            self._lay(target, SET, observer)  # there is no log: then the newest moment is that of the snapshot

    def _lay(self, target: bytes, moment: Target, observer: Observer) -> None:
        assert self.source is not None  # noqa: S101 - the caller looked
        laid = recover_data_directory(
            self.source.vault,
            self.source.record if moment == SET else None,
            self.name,
            Path(os.fsdecode(target)) / self.name,
            moment,
            observer,
            stack=self._stack,
            zone=self._zone,
            keeps_owner=self._wish.keeps_owner,
        )
        if laid.tablespaces:
            raise RestoreError(
                "The server of {component} has tablespaces, and no plan moves those.",
                hint="Lay it down and start it there: rebond restore --at latest {component} --to DIR",
                component=self.name,
            )

    def set_aside(self) -> None:
        """Move the old data directory aside. Raises ``RestoreError`` while its server runs."""
        self._require_stopped()
        super().set_aside()

    def take_back(self) -> None:
        """Put the old one back. Raises ``RestoreError`` while a server runs in the new one."""
        self._require_stopped()
        super().take_back()

    def _require_stopped(self) -> None:
        place = os.path.realpath(self.place.top)
        try:
            words = Path(os.fsdecode(place), _LOCK).read_text(encoding="ascii", errors="replace").split()
            os.kill(int(words[0]), 0)
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError, ValueError, IndexError):
            return
        except PermissionError:
            pass  # it is somebody else's process, and it runs
        raise RestoreError(
            "The server in {path} still runs (process {pid}); its data directory is not touched.",
            hint="Let [restore] stop = … stop it.",
            path=os.fsdecode(place),
            pid=words[0],
        )


def _take_all(_top: bytes, _may_matter: object) -> LiveShape:
    """Everything in a data directory is the server's."""
    return LiveShape(mixed={})
