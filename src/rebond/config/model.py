"""The whole configuration."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rebond.config.classes import BackupClass
from rebond.config.components import COMPONENT, Component
from rebond.config.quantities import RATE, SIZE, MaintenanceTime
from rebond.config.references import SECRET, TEXT, Text
from rebond.config.shapes import Choice, Count, Flag, ListOf, Named, Word
from rebond.config.stacks import Replica, Stack, Vault
from rebond.config.steps import Drilling, Hooks, Objective, Restoring
from rebond.config.structs import Model, Table, optional, required


class Receiver(Model):
    """Somebody who is told."""

    to: Text = required(SECRET, "The address, as Apprise writes it; it holds a secret, so it stands elsewhere.")
    digest: str | None = optional(Choice(("daily", "weekly")), "Gather so long instead of telling each.", default=None)
    only_for: tuple[str, ...] = optional(ListOf(Word("class")), "Only for these classes.", default=(), name="for")


class Notices(Model):
    """Who is told what."""

    started: tuple[Receiver, ...] = optional(ListOf(Table(Receiver)), "When a run begins.", default=())
    success: tuple[Receiver, ...] = optional(ListOf(Table(Receiver)), "When it ended well.", default=())
    warning: tuple[Receiver, ...] = optional(ListOf(Table(Receiver)), "When something needs a look.", default=())
    failure: tuple[Receiver, ...] = optional(ListOf(Table(Receiver)), "When it failed.", default=())
    heartbeat: Text | None = optional(SECRET, "An address that is called after each good run.", default=None)


class Serving(Model):
    """The process that runs everything unattended."""

    listen: str | None = optional(Word("host:port"), "Where it answers about its health.", default=None)
    textfile: str | None = optional(Word("path"), "A file for node_exporter.", default=None)
    page: str | None = optional(
        Word("path"),
        "A page for everyone, objectives beside facts, written after each run; a relative path starts at the root.",
        default=None,
    )
    names: str = optional(
        Choice(("rebond", "guide")), "`guide`: also the names of metrics that the guides use.", default="rebond"
    )


class Scheduling(Model):
    """Who starts the runs."""

    by: str = required(
        Choice(("serve", "systemd", "cron", "cron.d", "kubernetes", "other")),
        "What calls Rebond; `other` is something that Rebond does not see, and the doctor does not look for it.",
    )
    user: Text | None = optional(TEXT, "As whom.", default=None)
    after: tuple[str, ...] = optional(ListOf(Word()), "Units of systemd that come first.", default=())


class Logging(Model):
    """Where runs are written down, besides the terminal."""

    file: str | None = optional(Word("path"), "A file; a relative path starts at the root.", default=None)
    size: int = optional(SIZE, "When it is this large, a new one is begun.", default=10_000_000)
    count: int = optional(Count(0, 1000), "How many older ones are kept, as FILE.1, FILE.2 and so on.", default=5)
    mode: str = optional(Choice(("0600", "0640")), "The permissions of a new one.", default="0640")
    journal: bool = optional(Flag(), "Also the journal of systemd.", default=False)
    level: str = optional(
        Choice(("error", "warning", "info", "debug")), "The least that is written down.", default="info"
    )


class Limits(Model):
    """What a run may take."""

    upload: int | None = optional(RATE, "To the vault.", default=None)
    download: int | None = optional(RATE, "From the vault.", default=None)
    nice: int | None = optional(Count(0, 19), "How far it steps back from the processor.", default=None)


class Contact(Model):
    """Somebody whom the runbook names."""

    role: str = required(Word(), "What they are.")
    to: str = required(Word(), "How they are reached.")
    purpose: str | None = optional(Word(), "What for.", default=None, name="for")


class Maintenance(Model):
    """Hours in which no run begins."""

    when: str = required(MaintenanceTime(), "The hours, in the stack's time zone.")


class Configuration(Model):
    """The whole file."""

    version: int = required(Count(1, 1), "The form of this file.")
    include: tuple[str, ...] = optional(
        ListOf(Word("path")),
        "More files, with `*`; relative to this one. Tables are joined, lists follow one another.",
        default=(),
    )
    stack: Stack = required(Table(Stack), "The application that is protected.")
    vault: Vault | None = optional(Table(Vault), "Where snapshots live; else `--vault` or REBOND_VAULT.", default=None)
    replica: tuple[Replica, ...] = optional(ListOf(Table(Replica)), "Second vaults, written `[[replica]]`.", default=())
    vaults: Mapping[str, Vault] = optional(
        Named(Table(Vault)), "Vaults that are kept apart, for components that name them.", default={}
    )
    component: Mapping[str, Component] = optional(Named(COMPONENT), "The parts of the application.", default={})
    classes: Mapping[str, BackupClass] = optional(
        Named(Table(BackupClass)), "When what is saved.", default={}, name="class"
    )
    hooks: Hooks | None = optional(Table(Hooks), "What is run around a backup.", default=None)
    limits: Limits | None = optional(Table(Limits), "What a run may take.", default=None)
    objective: Mapping[str, Objective] = optional(
        Named(Table(Objective)), "What is promised, by the name of a disaster.", default={}
    )
    maintenance: tuple[Maintenance, ...] = optional(
        ListOf(Table(Maintenance)), "When no run begins, written `[[maintenance]]`.", default=()
    )
    restore: Restoring | None = optional(Table(Restoring), "The steps of coming back.", default=None)
    drill: Drilling | None = optional(Table(Drilling), "How a restore is proven.", default=None)
    notify: Notices | None = optional(Table(Notices), "Who is told what.", default=None)
    serve: Serving | None = optional(Table(Serving), "The process that runs everything unattended.", default=None)
    schedule: Scheduling | None = optional(Table(Scheduling), "Who starts the runs.", default=None)
    log: Logging | None = optional(Table(Logging), "Where runs are written down.", default=None)
    contact: tuple[Contact, ...] = optional(
        ListOf(Table(Contact)), "Whom the runbook names, written `[[contact]]`.", default=()
    )


class Loaded(Struct, frozen=True, kw_only=True):
    """A configuration with where it came from. ``root`` is absolute; ``files`` are all that were read."""

    configuration: Configuration
    files: tuple[Path, ...]
    root: Path
    variables: Mapping[str, str]
