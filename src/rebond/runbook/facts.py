"""What a runbook is written from. All that depends on the world is in here: the same facts give the same text.

No field holds a secret; where one stands is said, not what it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from rebond.config.model import Configuration
from rebond.history.drills import OF_A_PART
from rebond.pages.words import Text
from rebond.stack.objectives.promises import WHOLE

READ = "percent"  # what the ledger calls the option --read-data


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """A vault. ``purpose`` is what it is for; ``opened_by`` says where its secret stands."""

    name: str
    address: str
    purpose: Text
    opened_by: Text
    medium: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A member of the vault's roster. ``id`` is its beginning, as lists show it."""

    id: str
    role: str
    label: str
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Something that opens the vault: a passphrase, a key file, a recovery key."""

    id: str
    method: str
    label: str
    made_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """How large a component was when it was saved last."""

    name: str
    kind: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFacts:
    """A snapshot. ``is_whole`` says that it has everything that it was to have."""

    id: str
    time_ms: int
    class_name: str
    is_whole: bool
    components: tuple[Saved, ...] = ()

    @property
    def bytes(self) -> int:
        """All bytes of it."""
        return sum(each.bytes for each in self.components)

    @property
    def files(self) -> int:
        """All files of it."""
        return sum(each.files for each in self.components)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Between which moments a component can be brought to any second; ``until_ms`` is ``None`` where no log says."""

    component: str
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """What was seen in the main vault; nothing when it could not be opened, and ``obstacle`` says why.

    ``role`` is that of the key of this machine; ``reachable`` are the windows of logs that production is on.
    ``carries_wheels`` says that the rescue program finds its libraries in the vault.
    """

    obstacle: Text = ""
    role: str = ""
    holders: tuple[Holder, ...] = ()
    openers: tuple[Opener, ...] = ()
    snapshots: tuple[SnapshotFacts, ...] = ()
    reachable: tuple[Reachable, ...] = ()
    carries_wheels: bool = False

    @property
    def newest_whole(self) -> SnapshotFacts | None:
        """The newest snapshot that is whole."""
        return next((each for each in reversed(self.snapshots) if each.is_whole), None)

    def size_of(self, component: str) -> Saved | None:
        """Return how large a component was when it was saved last."""
        for snapshot in reversed(self.snapshots):
            for each in snapshot.components:
                if each.name == component:
                    return each
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run as the ledger has it. ``error`` is the code of what ended it, else empty; ``options`` are those given."""

    kind: str
    class_name: str
    began_ms: int
    seconds: float
    status: int
    bytes: int = 0
    error: str = ""
    message: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrilledPart:
    """How long one component took to come back in a drill, and how much work would have been lost with it."""

    bytes: int
    seconds: float
    lost_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFacts:
    """A drill as the ledger has it. Seconds are ``None`` where they were not measured.

    ``tells_times`` says that they are those of the whole: neither those of a sample nor of a drill that failed;
    ``tells_components`` that those of its components are too.
    """

    began_ms: int
    verdict: str
    snapshot: str
    scenario: str
    rto_seconds: float | None
    rpo_seconds: float | None
    parts: Mapping[str, DrilledPart] = field(default_factory=dict)
    tells_times: bool = True
    tells_components: bool = True
    is_sample: bool = False

    @property
    def is_of_a_part(self) -> bool:
        """Whether not everything was to come back."""
        return self.is_sample or self.scenario == OF_A_PART


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFacts:
    """What the ledger of this machine says, oldest first; what is dated ahead of its clock stands before all others."""

    runs: tuple[RunFacts, ...] = ()
    drills: tuple[DrillFacts, ...] = ()
    revisions: tuple["Revision", ...] = ()

    def newest_good(self, kind: str, class_name: str | None = None) -> RunFacts | None:
        """Return the newest run of a kind that ended well."""
        fitting = (
            each
            for each in reversed(self.runs)
            if each.kind == kind and each.status in {0, 3} and class_name in {None, each.class_name}
        )
        return next(fitting, None)

    def newest_restore(self, option: str) -> RunFacts | None:
        """Return the newest restore that ended well and was given an option, as ``to`` or ``in_place``."""
        fitting = (
            each
            for each in reversed(self.runs)
            if each.kind == "restore" and each.status in {0, 3} and option in each.options
        )
        return next(fitting, None)

    def newest_reading(self) -> RunFacts | None:
        """Return the newest run that read content back and found it good; looking at structure alone is none."""
        fitting = (
            each for each in reversed(self.runs) if each.kind == "verify" and each.status == 0 and READ in each.options
        )
        return next(fitting, None)

    def newest_drill(self) -> DrillFacts | None:
        """Return the newest drill."""
        return self.drills[-1] if self.drills else None

    def newest_proof(self) -> DrillFacts | None:
        """Return the newest drill that says of a whole snapshot whether it comes back: of a part, one that failed."""
        telling = (each for each in reversed(self.drills) if each.verdict == "fail" or not each.is_of_a_part)
        return next(telling, None)

    def newest_measure(self, scenario: str) -> DrillFacts | None:
        """Return the newest drill that shows how long a scenario takes; one without a scenario is that of a server."""
        fitting = (each for each in reversed(self.drills) if each.tells_times and (each.scenario or WHOLE) == scenario)
        return next(fitting, None)

    def newest_measure_of(self, component: str) -> DrillFacts | None:
        """Return the newest drill that shows how long a component takes to come back."""
        fitting = (each for each in reversed(self.drills) if each.tells_components and component in each.parts)
        return next(fitting, None)

    def newest_loss_of(self, component: str) -> float | None:
        """Return how much work would have been lost with a component, in the newest drill that tells it.

        One of a snapshot that was chosen by hand, such as from before a breach, does not.
        """
        losses = (
            each.parts[component].lost_seconds
            for each in reversed(self.drills)
            if each.tells_components and component in each.parts
        )
        return next((each for each in losses if each is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A runbook that was written before."""

    written_ms: int
    user: str
    program: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine and the user that the runbook was written on and by.

    ``program_folder`` is where the program lies when a new shell does not find it by itself.
    """

    host: str
    user: str
    program: str
    configuration_files: tuple[Path, ...]
    root: Path
    state_folder: Path
    cache_folder: Path
    stack_folder: Path
    program_folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What this program has: ``commands`` as ``restore``, and ``options`` as ``restore --in-place``."""

    commands: frozenset[str]
    options: frozenset[str]

    @property
    def sends_notices(self) -> bool:
        """Whether what ``[notify]`` asks for is carried out."""
        return "notify" in self.commands

    @property
    def copies_to_replicas(self) -> bool:
        """Whether snapshots are copied to what ``[[replica]]`` names."""
        return "replicate" in self.commands

    @property
    def writes_metrics(self) -> bool:
        """Whether figures are written for Prometheus."""
        return "metrics" in self.commands

    @property
    def writes_exports(self) -> bool:
        """Whether files for other tools are written."""
        return "export" in self.commands

    def has(self, command: str, *options: str) -> bool:
        """Say whether there is such a command with all these options."""
        return command in self.commands and all(f"{command} {each}" in self.options for each in options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything. ``outputs`` are what commands really wrote, by their lines; ``files`` the configuration's text.

    ``targets`` are addresses, one for each PostgreSQL component, of a database beside the live one; ``single_files``
    are the components that are one file and no folder; ``engine`` is docker, or podman where there is no docker.
    """

    configuration: Configuration
    machine: Machine
    places: Sequence[PlaceFacts]
    vault: VaultFacts
    history: HistoryFacts
    offered: Offered
    zone: tzinfo
    language: str
    written_ms: int
    targets: Mapping[str, str] = field(default_factory=dict)
    single_files: frozenset[str] = frozenset()
    engine: str = "docker"
    outputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.configuration.stack.name
