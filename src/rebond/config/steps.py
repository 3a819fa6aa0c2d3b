"""What is run or asked: hooks, the steps of a restore, the checks of a drill."""

from msgspec import Struct

from rebond.config.places import Node
from rebond.config.quantities import INSIDE, SPAN, Inside
from rebond.config.references import TEXT, Text
from rebond.config.shapes import Choice, Count, Flag, ListOf, Reading, Schema, Word
from rebond.config.structs import Model, Table, optional, required
from rebond.errors import ConfigError

Run = str | tuple[str, ...]


class RunShape(Struct, frozen=True):
    """A shell command, or a program with its arguments."""

    words: str = "shell command, or list of a program and its arguments"
    blank: Run = ""

    def read(self, node: Node, reading: Reading) -> Run:
        """Return the text or the list."""
        if isinstance(node.value, list):
            found = ListOf(Word()).read(node, reading)
            if not found:
                reading.refuse(
                    node,
                    ConfigError("'{key}' is empty.", hint="Write what is meant, or take the line out.", key=node.path),
                )
            return found
        return Word().read(node, reading)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        text = Word().schema(definitions)
        return {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}


RUN = RunShape()
FAILURE = Choice(("stop", "warn", "ignore"))
OWN_IF_POSSIBLE = "own-if-possible"


class Step(Model):
    """A command of a hook or of a restore."""

    run: Run = required(RUN, "The command; it starts in the root.")
    timeout: int = optional(SPAN, "How long it may take.", default=300)
    inside: Inside | None = optional(INSIDE, "Where it runs; else on this machine.", default=None, name="in")
    user: Text | None = optional(TEXT, "As whom it runs.", default=None)
    on_failure: str = optional(FAILURE, "What its failure means.", default="stop")
    only_for: tuple[str, ...] = optional(
        ListOf(Word()), "The classes of a hook, or the scenarios of a restore; else all.", default=(), name="for"
    )
    always: bool = optional(Flag(), "Run it also when something before it failed.", default=False)


class Probe(Model):
    """A question whose answer says that the application works: a command, or an address."""

    run: Run | None = optional(RUN, "A command that succeeds.", default=None)
    url: Text | None = optional(TEXT, "An address that answers.", default=None)
    status: int = optional(Count(100, 599), "The HTTP status that is good.", default=200)
    within: int = optional(SPAN, "How long it may take until the answer is good.", default=60)
    timeout: int = optional(SPAN, "How long one try may take.", default=10)
    inside: Inside | None = optional(INSIDE, "Where a command runs.", default=None, name="in")
    user: Text | None = optional(TEXT, "As whom a command runs.", default=None)


class Check(Model):
    """A question that a drill asks of what it restored."""

    name: str = required(Word(), "What the report calls it.")
    sql: str | None = optional(Word(), "A query whose first value is true.", default=None)
    run: Run | None = optional(RUN, "A command that succeeds.", default=None)
    url: Text | None = optional(
        TEXT, "An address of the application that `start` starts; its host and port are replaced.", default=None
    )
    status: int = optional(Count(100, 599), "The HTTP status of `url` that is good.", default=200)
    component: str | None = optional(
        Word("component"), "Whose database a query asks, where there are several.", default=None
    )
    database: Text | None = optional(TEXT, "Which of its databases.", default=None)
    timeout: int = optional(SPAN, "How long it may take.", default=60)
    trusted: bool = optional(
        Flag(),
        "`run` asks nothing of production, though it names another user's rights or the socket of a server.",
        default=False,
    )


class Hooks(Model):
    """What is run before and after a backup."""

    before: tuple[Step, ...] = optional(ListOf(Table(Step)), "Before the first component.", default=())
    after: tuple[Step, ...] = optional(ListOf(Table(Step)), "After the last component.", default=())


class Aside(Model):
    """What happens to what a restore replaces."""

    keep: int = required(SPAN, "How long it is kept.")


class Restoring(Model):
    """The steps of `rebond restore --in-place` and of the runbook."""

    isolate: tuple[Step, ...] = optional(ListOf(Table(Step)), "Shut the world out.", default=())
    stop: tuple[Step, ...] = optional(ListOf(Table(Step)), "Stop what writes; a failure stops the plan.", default=())
    rebuild: tuple[Step, ...] = optional(ListOf(Table(Step)), "Make what is not saved.", default=())
    start: tuple[Step, ...] = optional(ListOf(Table(Step)), "Start again.", default=())
    healthy: tuple[Probe, ...] = optional(ListOf(Table(Probe)), "When it is back.", default=())
    aside: Aside | None = optional(Table(Aside), "The old version, and when it may go.", default=None)


class Drilling(Model):
    """How a drill restores, and what it asks."""

    postgres: str = optional(
        Choice(("auto", "local", "docker", "embedded")),
        "Where a database is restored to: `auto` takes the first that has the right version and extensions.",
        default="auto",
    )
    start: Run | None = optional(
        RUN,
        "What starts the application, in the foreground, from what came back; it listens on 127.0.0.1 at `$PORT`.",
        default=None,
    )
    ready: Text | None = optional(
        TEXT,
        "The address that answers when it is up, its host and port replaced; else the first of `restore.healthy`, "
        "else its port.",
        default=None,
    )
    within: int = optional(SPAN, "How long it may take until it is up.", default=120)
    trusted: bool = optional(
        Flag(),
        "`start` asks nothing of production, though it names another user's rights or the socket of a server.",
        default=False,
    )
    network: str = optional(
        Choice(("own", OWN_IF_POSSIBLE)),
        "Where commands and the application run: `own` is a network that is nobody else's, and where the system allows "
        "none the proof is partial; `own-if-possible` takes this machine's network there, and the proof is whole.",
        default="own",
    )
    checks: tuple[Check, ...] = optional(ListOf(Table(Check)), "What is asked of the restored stack.", default=())


class Objective(Model):
    """What is promised for one kind of disaster."""

    rto: int | None = optional(SPAN, "How long until the service is back.", default=None)
    rpo: int | None = optional(SPAN, "How much work may be lost.", default=None)
