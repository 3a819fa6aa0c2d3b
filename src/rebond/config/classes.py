"""Classes: what is saved in one rhythm, how long that is kept, how it is proven."""

from collections.abc import Mapping

from msgspec import Struct

from rebond.config.components import STRATEGIES
from rebond.config.places import Node, find_nearest
from rebond.config.quantities import SPAN, Cron
from rebond.config.references import TEXT, Text
from rebond.config.shapes import Choice, Count, Flag, ListOf, Reading, Schema, Word, not_a_table, read_words
from rebond.config.structs import Model, Table, keys_of, optional, required
from rebond.errors import ConfigError

TRIGGERS = ("change", "commit", "manual", "start")
FOR_EVER = "for-ever"
EVERYWHERE = "*"
FORMATS = ("zip", "7z", "tar.gz", "tar.zst", "sql.gz", "dump", "django")
ALL = "all"


class Keep(Model):
    """What is kept in one place. Numbers count the newest; whatever one rule keeps stays."""

    last: int = optional(Count(), "The newest so many.", default=0)
    hourly: int = optional(Count(), "The newest of each of the last so many hours.", default=0)
    daily: int = optional(Count(), "The same for days.", default=0)
    weekly: int = optional(Count(), "The same for weeks.", default=0)
    monthly: int = optional(Count(), "The same for months.", default=0)
    yearly: int = optional(Count(), "The same for years.", default=0)
    within: int | None = optional(SPAN, "Everything not older than this.", default=None)
    tags: tuple[str, ...] = optional(ListOf(Word()), "Everything with one of these tags.", default=())
    at_most: int | None = optional(SPAN, "Nothing older than this, whatever else says so.", default=None)
    for_ever: bool = False


class KeepShape(Struct, frozen=True):
    """Retention: `"for-ever"`, one rule for every place, or a rule for each place by its name."""

    words: str = '`"for-ever"`, [rules](#keep), or place by place: `{ vault = { within = "30d" }, s3 = "for-ever" }`'

    @property
    def blank(self) -> Mapping[str, Keep]:
        """Nothing said."""
        return {}

    def read(self, node: Node, reading: Reading) -> Mapping[str, Keep]:
        """Return the rules by place; ``*`` is every place."""
        if not isinstance(node.value, dict):
            return {EVERYWHERE: self._read_word(node, reading)}
        if node.members and all(_may_be_place(name, each) for name, each in node.members.items()):
            return {name: self._read_one(each, reading) for name, each in node.members.items()}
        return {EVERYWHERE: self._read_rules(node, reading)}

    def _read_one(self, node: Node, reading: Reading) -> Keep:
        return self._read_rules(node, reading) if isinstance(node.value, dict) else self._read_word(node, reading)

    def _read_word(self, node: Node, reading: Reading) -> Keep:
        if not isinstance(node.value, str):
            reading.refuse(node, not_a_table(node))
        if read_words(node, reading) != FOR_EVER:
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' cannot be '{word}'.",
                    hint='Write "for-ever", or rules such as {{ daily = 7, monthly = 12 }}.',
                    key=node.path,
                    word=node.value,
                ),
            )
        return Keep(for_ever=True)

    def _read_rules(self, node: Node, reading: Reading) -> Keep:
        keep = Table(Keep).read(node, reading)
        if keep == Keep() and not any(each.startswith(node.path) for each in reading.spoilt):
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' keeps nothing.", hint='Give a rule, such as daily = 7 or within = "30d".', key=node.path
                ),
            )
        return keep

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        one: Schema = {"anyOf": [{"const": FOR_EVER}, Table(Keep).schema(definitions)]}
        return {"anyOf": [one, {"type": "object", "additionalProperties": one}]}


def _may_be_place(name: str, node: Node) -> bool:
    """Say whether a word under `keep` names a place: a misspelled rule (`dayly = 7`) is no place."""
    if name in KEEP_KEYS or not isinstance(node.value, dict | str):
        return False
    return isinstance(node.value, dict) or node.value == FOR_EVER or not find_nearest(name, KEEP_KEYS)


class Members(Struct, frozen=True):
    """The components of a class: their names, or `"all"`."""

    words: str = '`"all"` or list of components'
    blank: tuple[str, ...] = ()

    def read(self, node: Node, reading: Reading) -> tuple[str, ...]:
        """Return the names; ``("all",)`` for all."""
        if node.value == ALL:
            return (ALL,)
        if isinstance(node.value, str):
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' has to be \"all\" or a list.",
                    hint='Write components = ["{word}"].',
                    key=node.path,
                    word=node.value,
                ),
            )
        return ListOf(Word()).read(node, reading)

    def schema(self, _definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [{"const": ALL}, {"type": "array", "items": {"type": "string"}}]}


class DrillRhythm(Model):
    """When snapshots of a class are proven by a restore."""

    rhythm: str = required(Cron(takes_rhythms=True), "How often.")
    sample: bool = optional(Flag(), "Restore a part, chosen by chance.", default=False)
    scenario: str | None = optional(Word(), "One of the objectives.", default=None)


class DrillShape(Struct, frozen=True):
    """A rhythm, or a table with one."""

    words: str = 'a rhythm such as `"weekly"` or `"each"`, a cron schedule, or [a table](#drill-rhythm)'

    @property
    def blank(self) -> DrillRhythm:
        """Never."""
        return DrillRhythm(rhythm="")

    def read(self, node: Node, reading: Reading) -> DrillRhythm:
        """Return the rhythm."""
        if isinstance(node.value, dict) and "env" not in node.members:
            return Table(DrillRhythm).read(node, reading)
        return DrillRhythm(rhythm=Cron(takes_rhythms=True).read(node, reading))

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [Cron(takes_rhythms=True).schema(definitions), Table(DrillRhythm).schema(definitions)]}


class Export(Model):
    """A file that is written after each snapshot, for tools that know no vault."""

    component: str = required(Word("component"), "Which component.")
    format: str = required(Choice(FORMATS), "In what form.")
    to: str = required(Word("path"), "Into which directory.")
    keep: int | None = optional(SPAN, "How long; else until somebody deletes it.", default=None)
    level: int | None = optional(Count(1, 9), "How hard to compress.", default=None)
    encrypt: str | None = optional(Choice(("gpg", "7z", "openssl")), "How it is encrypted.", default=None)
    password: Text | None = optional(
        TEXT, "The password that it is encrypted with; else `REBOND_EXPORT_PASSWORD_FILE` and its like.", default=None
    )
    checksum: bool = optional(Flag(), "Write its SHA-256 beside it, for `sha256sum -c`.", default=False)


class BackupClass(Model):
    """A rhythm: what is saved then, how long it is kept, how it is proven."""

    schedule: str | None = optional(Cron(), "When, in the stack's time zone.", default=None)
    trigger: str | None = optional(Choice(TRIGGERS), "What starts it, instead of a schedule.", default=None)
    look: int | None = optional(
        SPAN,
        'With `trigger = "change"`: how often what no file of this machine shows is looked at, such as Secrets of a '
        "cluster; else every five minutes.",
        default=None,
    )
    components: tuple[str, ...] = required(Members(), "What is saved.")
    strategy: str | None = optional(
        Choice(STRATEGIES), "The strategy of its files, whatever they name themselves.", default=None
    )
    keep: Mapping[str, Keep] = optional(KeepShape(), "How long; without it nothing is ever forgotten.", default={})
    verify: str | None = optional(Cron(takes_rhythms=True), "When what it stored is read back.", default=None)
    drill: DrillRhythm | None = optional(DrillShape(), "When it is proven by a restore.", default=None)
    export: tuple[Export, ...] = optional(ListOf(Table(Export)), "Files that are written besides.", default=())
    tags: tuple[str, ...] = optional(ListOf(Word()), "Words that its snapshots carry.", default=())
    allow_partial: bool | None = optional(
        Flag(), "Save the others when one component fails; else only scheduled runs do.", default=None
    )

    @property
    def takes_all(self) -> bool:
        """Whether every component is in it."""
        return self.components == (ALL,)


KEEP_KEYS = tuple(each for each in keys_of(Keep))
