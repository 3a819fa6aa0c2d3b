"""``rebond restore`` of what was saved by the physical method: a data directory that ends at a moment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from rebond.cli.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.choosing import choose_moment, choose_snapshot
from rebond.cli.invocation import Invocation
from rebond.cli.observing import finding_document
from rebond.cli.opening import VaultAtHand
from rebond.cli.speech import show_path, tr
from rebond.clock import SystemClock
from rebond.errors import TargetNotEmpty, UsageError
from rebond.findings import Severity
from rebond.units import format_iso

if TYPE_CHECKING:
    from rebond.operations.physical.laying import LaidDirectory
    from rebond.operations.physical.targets import Target
    from rebond.operations.point_in_time import PlannedServer
    from rebond.progress import Observer
    from rebond.vault.snapshots import SnapshotRecord


class Wanted(Struct, frozen=True, kw_only=True):
    """What a restore is to bring back: a snapshot, the components that are named, and the moment if one was.

    ``is_at`` says that the moment decides by itself: for each data directory the newest that reaches it is taken.
    """

    record: "SnapshotRecord"
    names: tuple[str, ...]
    target: "Target | None" = None
    is_at: bool = False


class Servers:
    """The data directories among what a restore is to bring back; mostly there are none."""

    def __init__(self, vault: VaultAtHand, wanted: Wanted, wishes: Mapping[str, Any]) -> None:
        self._vault = vault
        self._wanted = wanted
        self._wishes = wishes
        self._found = find_servers(vault, wanted)
        self._planned: list[PlannedServer] = []
        self._laid: list[LaidDirectory] = []
        self.record = wanted.record
        self.names: Sequence[str] = wanted.names

    @classmethod
    def choose(
        cls, vault: VaultAtHand, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]
    ) -> "Servers":
        """Take the words of the command for what they mean. Raises ``UsageError`` and ``UnknownName``."""
        return cls(vault, choose_wanted(vault, words, moment, stack=wishes["stack"]), wishes)

    @property
    def are_all(self) -> bool:
        """Whether nothing else is wanted."""
        components = [each.name for each in self.record.catalog.components if each.complete or each.name in self._found]
        wanted = [each for each in components if not self.names or each in self.names]
        others = [each for each in self.names if each not in components]
        return bool(self._found) and not others and all(each in self._found for each in wanted)

    def is_meant(self, names: Sequence[str]) -> bool:
        """Whether a restore into a server means one of them."""
        return bool(self._found) and (set(names) <= set(self._found))

    def leave_out(self, names: Sequence[str]) -> Sequence[str]:
        """Return the components that are files."""
        if not self._found:
            return names
        wanted = names or [each.name for each in self.record.catalog.components if each.complete]
        return [each for each in wanted if each not in self._found]

    def plan(self, invocation: Invocation, target: Path) -> None:
        """Find out whether each moment can be reached, and say what was chosen. Raises ``WalGap``."""
        if not self._found:
            return
        if wrong := [each for each in ("include", "exclude", "strip") if self._wishes[each] and self.are_all]:
            raise UsageError(
                "A data directory is restored whole, so --{option} does not go with it.",
                hint="Leave it out; for one table name --into and --table.",
                option=wrong[0],
            )
        require_new(target, self._found, wants_nothing_else=self.are_all)
        self._planned = plan_servers(self._vault, self._wanted, self._found, stack=self._wishes["stack"])
        for line in tell_planned(self._planned, self._zone):
            note(invocation, line)

    def lay(self, target: Path, observer: "Observer") -> None:
        """Lay them down, unless it is only to be said what would be done."""
        if self._planned and not self._wishes["dry_run"]:
            self._laid = lay_servers(self._vault, self._planned, target.expanduser().absolute(), self._wishes, observer)

    def lay_alone(self, invocation: Invocation, target: Path, observer: "Observer") -> int:
        """Lay them down where nothing else is wanted; show what came of it and return the exit status."""
        began = SystemClock().monotonic()
        self.lay(target, observer)
        findings = [each for laid in self._laid for each in laid.files.findings]
        problems = [each for each in findings if each.severity is not Severity.NOTE]
        document = {
            "snapshot": self.record.snapshot.hex(),
            "target": str(target),
            "dry_run": bool(self._wishes["dry_run"]),
            "files": sum(each.files.files for each in self._laid),
            "directories": sum(each.files.directories for each in self._laid),
            "bytes": sum(each.files.bytes for each in self._laid),
            "seconds": round(SystemClock().monotonic() - began, 3),
            "problems": [finding_document(each) for each in problems],
            **self.describe(),
        }
        where = tr("Nothing was written.") if self._wishes["dry_run"] else tr("It lies below\n{target}", target=target)
        answer(invocation, document, with_problems(invocation, "\n".join([*self.tell(), where]), problems))
        return DOUBTFUL if problems else GOOD

    def load(self, invocation: Invocation, address: str, observer: "Observer") -> int:
        """Load a database of one of them into another server, by way of a throw-away one."""
        from rebond.cli.loading_servers import load_server

        planned = plan_servers(self._vault, self._wanted, self._found[:1], stack=self._wishes["stack"])
        for line in tell_planned(planned, self._zone):
            note(invocation, line)
        return load_server(invocation, self._vault, planned[0], address, self._wishes, observer)

    def describe(self) -> dict[str, Any]:
        """Return what is said of them in a document."""
        return {"servers": describe_planned(self._planned, self._zone)} if self._planned else {}

    def tell(self) -> list[str]:
        """Return what to do with them."""
        return tell_laid(self._laid)

    @property
    def _zone(self) -> Any:
        return self._vault.configured.zone


def choose_wanted(vault: VaultAtHand, words: Sequence[str], moment: str | None, *, stack: str) -> Wanted:
    """Return what the words of the command mean. Raises ``UsageError`` and ``UnknownName``.

    With a moment the first word is a snapshot only when it is no component.
    """
    if moment is None:
        return Wanted(record=choose_snapshot(vault, words[0], stack=stack), names=tuple(words[1:]))
    from rebond.operations.physical.targets import is_position, parse_target
    from rebond.operations.snapshots import list_snapshots

    target = parse_target(moment, now_ms=SystemClock().now_ms(), zone=vault.configured.zone)
    known = {each.name for record in list_snapshots(vault.live) for each in record.catalog.components}
    if words and words[0].split("/")[0] not in known:
        record = choose_snapshot(vault, words[0], stack=stack)
        return Wanted(record=record, names=tuple(words[1:]), target=target)
    record = (
        choose_snapshot(vault, "latest", stack=stack)
        if is_position(moment)
        else choose_moment(vault, moment, stack=stack)
    )
    return Wanted(record=record, names=tuple(words), target=target, is_at=True)


def find_servers(vault: VaultAtHand, wanted: Wanted) -> list[str]:
    """Return which of the wanted components are data directories.

    Raises ``UsageError`` for a moment that only the log of one could tell, where there is none.
    """
    found: list[str] = []
    if any(each.kind == "postgres" for each in wanted.record.catalog.components):
        from rebond.operations.physical.bases import list_physical

        found = [each.component for each in list_physical(vault.live, wanted.record)]
    chosen = [each for each in found if not wanted.names or each in wanted.names]
    target = wanted.target
    if target is not None and not chosen and (not wanted.is_at or target.kind != "time"):
        raise UsageError(
            "{moment} is known to a write-ahead log only, and nothing here was saved by the physical method.",
            hint="Name a snapshot, or a time with --at: the newest snapshot before it is taken.",
            moment=target.describe(vault.configured.zone),
        )
    return chosen


def plan_servers(vault: VaultAtHand, wanted: Wanted, names: Sequence[str], *, stack: str) -> "list[PlannedServer]":
    """Find the way to the moment for each; nothing is written. Raises ``WalGap`` when one cannot be reached."""
    from rebond.operations.physical.bases import find_base
    from rebond.operations.physical.targets import SET
    from rebond.operations.point_in_time import PlannedServer, choose_base, find_reach, open_log

    zone = vault.configured.zone
    planned = []
    for name in names:
        if wanted.is_at and wanted.target is not None:
            base, log = choose_base(
                vault.live, name, wanted.target, stack=stack or wanted.record.catalog.stack, zone=zone
            )
        else:
            found = find_base(vault.live, wanted.record, name)
            assert found is not None  # noqa: S101 - it is one of those found before
            base, log = found, open_log(vault.live, found)
        reach = find_reach(base, log, wanted.target or SET, zone=zone)
        planned.append(PlannedServer(reach=reach, log=log))
    return planned


def lay_servers(
    vault: VaultAtHand,
    planned: "Sequence[PlannedServer]",
    target: Path,
    wishes: Mapping[str, Any],
    observer: "Observer",
) -> "list[LaidDirectory]":
    """Lay them down below a directory, each under its name. Raises what ``lay_directory`` raises."""
    from rebond.operations.physical.laying import lay_directory

    return [
        lay_directory(
            vault.live,
            each.reach,
            each.log,
            target / each.reach.base.component,
            observer,
            keeps_owner=not wishes["no_owner"],
            workers=wishes["jobs"],
        )
        for each in planned
    ]


def require_new(target: Path, names: Sequence[str], *, wants_nothing_else: bool) -> None:
    """Raise ``TargetNotEmpty`` unless what is to be laid down has its place for itself."""
    from rebond.operations.physical.laying import require_empty

    if wants_nothing_else and target.is_dir() and not target.joinpath("..").samefile(target):
        require_empty(target)
    for name in names:
        if (target / name).is_dir() and any((target / name).iterdir()):
            raise TargetNotEmpty(
                "{target} is not empty; nothing was written.",
                hint="Name an empty or new directory. A data directory is never restored over another one.",
                target=str(target / name),
            )


def describe_planned(planned: "Sequence[PlannedServer]", zone: Any) -> list[dict[str, Any]]:
    """Return what is said of each in a document."""
    from rebond.sources.postgres.wal_names import format_lsn

    found = []
    for each in planned:
        reach, facts = each.reach, each.reach.base.facts
        window = reach.window
        found.append(
            {
                "component": reach.base.component,
                "snapshot": reach.base.record.snapshot.hex(),
                "system_identifier": facts.server.system_identifier,
                "version": facts.server.version,
                "moment": reach.target.describe(zone),
                "recovery": {"setting": reach.setting, "value": reach.value},
                "timeline": window.timeline if window else facts.timeline,
                "last_lsn": format_lsn(reach.last_lsn),
                "segments": len(reach.segments),
                "window": None
                if window is None
                else {
                    "timeline": window.timeline,
                    "since": format_iso(window.since_ms),
                    "until": format_iso(window.until_us // 1000) if window.until_us is not None else None,
                    "since_lsn": format_lsn(window.since_lsn),
                    "until_lsn": format_lsn(window.until_lsn),
                },
            }
        )
    return found


def tell_planned(planned: "Sequence[PlannedServer]", zone: Any) -> list[str]:
    """Return a line for each that says what is chosen, before anything is written."""
    lines = []
    for each in planned:
        reach = each.reach
        values = {
            "component": reach.base.component,
            "snapshot": reach.base.record.snapshot.hex()[:8],
            "moment": reach.target.describe(zone),
            "segments": len(reach.segments),
        }
        if reach.window is None:
            lines.append(tr("{component}: the data directory of snapshot {snapshot}, with its own log.", **values))
        else:
            lines.append(
                tr(
                    "{component}: the data directory of snapshot {snapshot}, replayed to {moment} (timeline "
                    "{timeline}, {segments} segments of the log). Within reach: {window}.",
                    timeline=reach.window.timeline,
                    window=reach.window.describe(zone),
                    **values,
                )
            )
    return lines


def tell_laid(laid: "Sequence[LaidDirectory]") -> list[str]:
    """Return what to do with each, and where it lies."""
    from rebond.sources.streams.owner import name_of_user

    lines = []
    for each in laid:
        path = show_path(str(each.path).encode(errors="surrogateescape"))
        lines.append(
            tr(
                "Ready to start, as the user {user}: pg_ctl -D {path} -w start. It archives nothing. If it is to stay, "
                "'rebond wal status' says what is missing; its last step is a new base: rebond backup {component}",
                component=each.reach.base.component,
                path=path,
                user=name_of_user(each.owner) or each.owner,
            )
        )
        for number, place in each.tablespaces.items():
            lines.append(tr("Tablespace {number}: {place}", number=number, place=place))
    return lines
