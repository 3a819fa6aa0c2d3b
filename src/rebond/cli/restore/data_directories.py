"""``rebond restore`` of what was saved by the physical method: a data directory that ends at a moment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.restore.data_directories_shown import describe_planned, tell_laid, tell_planned
from rebond.cli.restore.data_directories_wanted import Wanted, choose_wanted, find_servers, plan_servers, require_new
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.errors import UsageError
from rebond.findings import Severity
from rebond.units import format_moment

if TYPE_CHECKING:
    from rebond.operations.physical.laying import LaidDirectory
    from rebond.operations.point_in_time import PlannedServer
    from rebond.progress import Observer
    from rebond.sources.postgres_physical.start_line import StartLine


class Servers:
    """The data directories among what a restore is to bring back; mostly there are none."""

    def __init__(self, vault: VaultAtHand, wanted: Wanted, wishes: Mapping[str, Any]) -> None:
        self._vault = vault
        self._wanted = wanted
        self._wishes = wishes
        self._found = find_servers(vault, wanted)
        self._planned: list[PlannedServer] = []
        self._laid: list[LaidDirectory] = []
        self._starts: list[StartLine | None] = []
        self.record = wanted.record
        self.names: Sequence[str] = wanted.names

    @classmethod
    def choose(
        cls, vault: VaultAtHand, words: Sequence[str], moment: str | None, wishes: Mapping[str, Any]
    ) -> "Servers":
        """Take the words of the command for what they mean. Raises ``UsageError`` and ``UnknownName``."""
        return cls(vault, choose_wanted(vault, words, moment, stack=wishes["stack"]), wishes)

    def tell_moment(self, invocation: Invocation) -> None:
        """Say as of which moment snapshots are taken, with its zone; data directories say it with their way there."""
        if self._wanted.until_ms is not None and not self.are_all:
            note(invocation, tr("As of {moment}.", moment=format_moment(self._wanted.until_ms, self._zone)))

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

    def lay(self, invocation: Invocation, target: Path, observer: "Observer") -> None:
        """Lay them down, unless it is only to be said what would be done."""
        if self._planned and not self._wishes["dry_run"]:
            self._laid = lay_servers(self._vault, self._planned, target.expanduser().absolute(), self._wishes, observer)
            from rebond.cli.restore.starting import find_start

            self._starts = [
                find_start(each.path, invocation.environment, each.reach.base.facts.server.superuser)
                for each in self._laid
            ]

    def lay_alone(self, invocation: Invocation, target: Path, observer: "Observer") -> int:
        """Lay them down where nothing else is wanted; show what came of it and return the exit status."""
        began = SystemClock().monotonic()
        self.lay(invocation, target, observer)
        findings = [each for laid in self._laid for each in laid.files.findings]
        problems = [each for each in findings if each.severity is not Severity.NOTE]
        document = {
            "snapshot": self.record.snapshot.hex(),
            "target": str(target),
            "dry_run": bool(self._wishes["dry_run"]),
            "files": sum(each.files.files for each in self._laid),
            "directories": sum(each.files.directories for each in self._laid),
            "bytes": sum(each.files.size_bytes for each in self._laid),
            "seconds": round(SystemClock().monotonic() - began, 3),
            "problems": [finding_document(each) for each in problems],
            **self.describe(),
        }
        where = tr("Nothing was written.") if self._wishes["dry_run"] else tr("It lies below\n{target}", target=target)
        answer(invocation, document, with_problems(invocation, "\n".join([*self.tell(), where]), problems))
        return DOUBTFUL if problems else GOOD

    def load(self, invocation: Invocation, address: str, observer: "Observer") -> int:
        """Load a database of one of them into another server, by way of a throw-away one."""
        from rebond.cli.restore.throw_away_server import load_server

        planned = plan_servers(self._vault, self._wanted, self._found[:1], stack=self._wishes["stack"])
        for line in tell_planned(planned, self._zone):
            note(invocation, line)
        return load_server(invocation, self._vault, planned[0], address, self._wishes, observer)

    def describe(self) -> dict[str, Any]:
        """Return what is said of them in a document."""
        return {"servers": describe_planned(self._planned, self._starts, self._zone)} if self._planned else {}

    def tell(self) -> list[str]:
        """Return what to do with them."""
        return tell_laid(self._laid, self._starts)

    @property
    def _zone(self) -> Any:
        return self._vault.configured.zone


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
