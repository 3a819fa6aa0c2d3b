"""The application, and the vaults that hold its snapshots."""

from rebond.config.quantities import Room, RoomShape
from rebond.config.references import SECRET, TEXT, Text
from rebond.config.shapes import Choice, ListOf, Name, Word
from rebond.config.structs import Model, Table, optional, required

LEVELS = ("fast", "balanced", "small", "dense")


class Cluster(Model):
    """Which Kubernetes cluster and namespace `kubernetes:` means."""

    context: Text | None = optional(TEXT, "The context of `kubectl`; else its current one.", default=None)
    namespace: Text | None = optional(TEXT, "The namespace; else that of the context.", default=None)


class Stack(Model):
    """The application that is protected."""

    name: str = required(Name(), "What its snapshots are grouped by.")
    root: str = optional(
        Word(),
        "Where relative paths start; else the folder of this file, for which it may be relative too.",
        default="",
    )
    compose: tuple[str, ...] = optional(ListOf(Word("path")), "The files that `compose:NAME` means.", default=())
    kubernetes: Cluster | None = optional(Table(Cluster), "The cluster that `kubernetes:` means.", default=None)
    env: tuple[str, ...] = optional(
        ListOf(Word("path")), "Files of variables: where `{ env = … }` looks after the environment.", default=()
    )
    timezone: str | None = optional(
        Word("name of a time zone"), "Of schedules, of `--at`, of what is printed; else the machine's.", default=None
    )
    language: str | None = optional(
        Choice(("en", "fr")), "Of notices, reports and the runbook; `--lang` wins.", default=None
    )


class Vault(Model):
    """A place for snapshots, and what opens it."""

    url: Text = required(TEXT, "A directory, or the address of a store.")
    passphrase: Text | None = optional(SECRET, "The owner's passphrase or recovery key.", default=None)
    key: Text | None = optional(SECRET, "A key file: an owner's, a writer's or a keeper's.", default=None)
    level: str = optional(Choice(LEVELS), "How hard to compress.", default="balanced")
    reserve: Room | None = optional(RoomShape(), "Warn when less room is free there.", default=None)
    medium: Text | None = optional(TEXT, "What it is kept on, for the rule of 3-2-1.", default=None)
    site: Text | None = optional(TEXT, "Where it stands, for the rule of 3-2-1.", default=None)
    lock: str | None = optional(
        Choice(("governance", "compliance")),
        "Object lock, up to what `keep` promises; not carried out yet.",
        default=None,
    )
    storage_class: Text | None = optional(
        TEXT, "The storage class of packs in a cloud store; small objects keep the store's own.", default=None
    )
    forget: str = optional(
        Choice(("hourly", "daily", "weekly", "monthly", "never")),
        "How often what `keep` lets go is forgotten and its room freed, by whoever starts the runs.",
        default="daily",
    )


class Replica(Model):
    """A second vault that snapshots are copied to."""

    name: str = required(Name(), "What `keep` and the command line call it.")
    url: Text = required(TEXT, "A directory, or the address of a store.")
    passphrase: Text | None = optional(SECRET, "The owner's passphrase; else that of the vault.", default=None)
    key: Text | None = optional(SECRET, "A key file; else that of the vault.", default=None)
    reserve: Room | None = optional(RoomShape(), "Warn when less room is free there.", default=None)
    medium: Text | None = optional(TEXT, "What it is kept on, for the rule of 3-2-1.", default=None)
    site: Text | None = optional(TEXT, "Where it stands, for the rule of 3-2-1.", default=None)
    lock: str | None = optional(
        Choice(("governance", "compliance")),
        "Object lock, up to what `keep` promises; not carried out yet.",
        default=None,
    )
    storage_class: Text | None = optional(
        TEXT, "The storage class of packs in a cloud store; small objects keep the store's own.", default=None
    )
