"""A PostgreSQL data directory on its way back: laid down beside the live one with its log, then put in its place."""

import os
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

from rebond.errors import RestoreError, SourceUnfit, WalGap
from rebond.findings import Finding, Severity
from rebond.operations.physical.bases import find_base
from rebond.operations.physical.targets import LATEST, SET, Target
from rebond.operations.point_in_time import recover_data_directory
from rebond.operations.recovery import swap_steps
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.folders import delete_tree
from rebond.operations.recovery.mounts import list_below, list_mount_points
from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.plan import BEGIN_ANEW
from rebond.operations.recovery.remembered_places import BESIDE
from rebond.operations.recovery.swapping import LiveShape
from rebond.progress import Observer
from rebond.sources.postgres.wal_pages import read_control
from rebond.units import format_moment

_LOCK = "postmaster.pid"
_VERSION = b"PG_VERSION"  # no server starts without it: a half is no data directory


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
        place = FilesPlace(name=name, kind="postgres", top=top, look_at_live=_look_at_live, last=_VERSION)
        super().__init__(place, wish, run=run, folder=folder, source=source)
        self._target = target
        self._stack = stack
        self._zone = zone

    def _bring(self, target: bytes, observer: Observer, *, replaces: bool) -> None:  # noqa: ARG002 - never in part
        assert self.source is not None  # noqa: S101 - the caller looked
        for name in os.listdir(target):  # half of one, from a try that was cut
            delete_tree(os.path.join(target, name))
        try:
            self._lay(target, self._target, observer)
        except WalGap as gap:
            if self._target != LATEST:
                raise
            self._lay(target, SET, observer)  # there is no log: then the newest moment is that of the snapshot
            observer.noticed(say_no_log(self.name, gap))
        laid = os.path.join(target, self.name.encode())
        for name in os.listdir(laid):
            if name.startswith(os.fsencode(BESIDE)):  # of a restore that had its old version there at the time
                delete_tree(os.path.join(laid, name))

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
        if moment == LATEST and laid.reach.last_us is not None:
            observer.noticed(_say_end(self.name, laid.reach.last_us, self._zone))
        if laid.tablespaces:
            raise RestoreError(
                "The server of {component} has tablespaces, and no plan moves those.",
                hint="Lay it down and start it there: rebond restore --at latest {component} --to DIR",
                component=self.name,
            )

    def require_same_thing(self) -> None:
        """Raise ``RestoreError`` where the data directory of another cluster lies there: somebody means another one."""
        live = _read_cluster(self.place.top)
        base = find_base(self.source.vault, self.source.record, self.name) if self.source and live else None
        if base is not None and base.facts.system_id != live:
            raise RestoreError(
                "{path} is the data directory of another cluster ({found}) than the one that was saved of {component} "
                "({saved}); nothing was touched.",
                hint="Look at data_directory in the configuration. Where that one is meant to go: add --other-cluster; "
                "it is set aside, not deleted. Or lay the saved one down elsewhere with --to DIR.",
                path=os.fsdecode(self.place.top),
                found=live,
                saved=base.facts.system_id,
                component=self.name,
            )

    def require_at_rest(self) -> None:
        """Raise ``RestoreError`` while a server runs there."""
        self._require_stopped()

    def remarks(self) -> Sequence[Finding]:
        """Say also what is still to be done once it is back: without that, later moments cannot be reached."""
        return [*super().remarks(), say_begin_anew(self.name)]

    def set_aside(self) -> None:
        """Move the old data directory aside. Raises ``RestoreError`` while its server runs."""
        self._require_stopped()
        super().set_aside()

    def put(self) -> None:
        """Move the new data directory in. Raises ``RestoreError`` while a server runs that somebody made there."""
        swap = self._find_swap()
        if swap is None or swap_steps.is_left(swap):
            self._require_stopped()
        super().put()

    def take_back(self) -> None:
        """Put the old one back. Raises ``RestoreError`` while a server runs in the new one."""
        if self._find_swap() is not None:  # before that nothing was moved: the server that runs is the old one
            self._require_stopped()
        super().take_back()

    def _require_stopped(self) -> None:
        place = os.path.realpath(self.place.top)
        try:
            words = Path(os.fsdecode(place), _LOCK).read_text(encoding="ascii", errors="replace").split()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:  # whether a server runs there is not known, and that is not "no"
            raise RestoreError(
                "Whether a server runs in {path} cannot be told: {reason}.",
                hint="Run this as root, or as the user that the data directory belongs to.",
                path=os.fsdecode(place),
                reason=error.strerror or "",
            ) from error
        try:
            os.kill(int(words[0]), 0)
        except (ProcessLookupError, ValueError, IndexError):
            return
        except PermissionError:
            pass  # it is somebody else's process, and it runs
        raise RestoreError(
            "The server in {path} still runs (process {pid}); its data directory is not touched.",
            hint="Let [restore] stop = … stop it, or stop it by hand, then run this again. "
            "If that process is no PostgreSQL, delete {path}/postmaster.pid.",
            path=os.fsdecode(place),
            pid=words[0],
        )


def _read_cluster(top: bytes) -> int:
    """Return which cluster a data directory is of; 0 where none can be seen there."""
    try:
        return read_control(Path(os.fsdecode(top), "global", "pg_control").read_bytes())[0]
    except (OSError, SourceUnfit):
        return 0


def _say_end(component: str, last_us: int, zone: tzinfo | None) -> Finding:
    return Finding(
        code="log-followed",
        severity=Severity.NOTE,
        subject=component,
        template="The newest that the log has of {component} is a transaction of {moment}: up to there it comes back.",
        values={"component": component, "moment": format_moment(last_us // 1000, zone)},
    )


def say_no_log(component: str, gap: WalGap) -> Finding:
    """Say that a server comes back as it was at its snapshot, because there is no log to follow."""
    return Finding(
        code="log-not-followed",
        severity=Severity.WARNING,
        subject=component,
        template="{component} comes back as its snapshot shows it, and not later, because of its log: {reason}",
        hint_template="'rebond wal status' names what is missing.",
        values={"component": component, "reason": gap},
    )


def say_begin_anew(component: str) -> Finding:
    """What came back archives nothing, so that it never writes into the log of another server."""
    return Finding(
        code=BEGIN_ANEW,
        severity=Severity.NOTE,
        subject=component,
        template="The server of {component} comes back without archiving, without what it subscribed to, and on a "
        "timeline that no base leads to yet.",
        hint_template="Then 'rebond wal status' says what is missing; its last step is a new base: "
        "rebond backup {component}",
        values={"component": component},
    )


def _look_at_live(top: bytes, _may_matter: object) -> LiveShape:
    """Everything in a data directory is the server's, but what a restore put there; mount points have to stay."""
    own = frozenset(each for each in os.listdir(top) if each.startswith(os.fsencode(BESIDE)))
    mixed = {b"": own} if own else {}
    for path in list_below(top, list_mount_points()):
        names = path.split(b"/")
        for count in range(len(names) + 1):
            mixed.setdefault(b"/".join(names[:count]), frozenset())
    return LiveShape(mixed=mixed)
