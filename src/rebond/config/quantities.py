"""Lengths of time, sizes, rates, shares, schedules, and the addresses of what something is inside of."""

import re
from datetime import datetime

from cronsim import CronSim, CronSimError
from msgspec import Struct

from rebond.config.places import Node
from rebond.config.shapes import Choice, Reading, Schema, Word, judged_schema, read_words, unknown_word
from rebond.errors import ConfigError, UsageError
from rebond.units import parse_size, parse_span

PLACES_INSIDE = ("compose", "docker", "podman", "kubernetes")
RHYTHMS = ("each", "hourly", "daily", "weekly", "monthly", "yearly")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_COMPARED = re.compile(r"(>=|<=|>|<|=)\s*(\S.*)")
_MAINTENANCE = re.compile(r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Span(Struct, frozen=True):
    """A length of time, as seconds."""

    words: str = "length of time"
    blank: int = 0

    def read(self, node: Node, reading: Reading) -> int:
        """Return seconds."""
        text = read_words(node, reading)
        try:
            return parse_span(text)
        except UsageError as error:
            reading.refuse(node, error)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return judged_schema(definitions, {"type": "string", "pattern": r"^\s*(\d+\s*(s|m|min|h|d|w|mo|y)\s*)+$"})


class Size(Struct, frozen=True):
    """A size, as bytes; with ``is_rate`` bytes each second."""

    is_rate: bool = False
    blank: int = 0

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return "size for each second, such as `20MB/s`" if self.is_rate else "size"

    def read(self, node: Node, reading: Reading) -> int:
        """Return bytes."""
        text = read_words(node, reading)
        try:
            return parse_size(text.removesuffix("/s") if self.is_rate else text)
        except UsageError as error:
            reading.refuse(node, error)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        end = "(/s)?" if self.is_rate else ""
        return judged_schema(
            definitions, {"type": "string", "pattern": rf"^\s*\d+(\.\d+)?\s*([kKmMgGtTpP]?i?[bB]?){end}\s*$"}
        )


class Room(Struct, frozen=True, kw_only=True):
    """Room to be left: a part of the whole from 0 to 1, or bytes."""

    share: float | None = None
    size_bytes: int | None = None


class RoomShape(Struct, frozen=True):
    """A percentage or a size."""

    words: str = "percentage or size"

    @property
    def blank(self) -> Room:
        """No room."""
        return Room()

    def read(self, node: Node, reading: Reading) -> Room:
        """Return the room."""
        text = read_words(node, reading)
        share = _SHARE.fullmatch(text.strip())
        if share and float(share[1]) <= 100:
            return Room(share=float(share[1]) / 100)
        return Room(size_bytes=Size().read(node, reading))

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return judged_schema(definitions, {"type": "string"})


VERDICTS = Choice(("fail", "warn"))


class Bound(Struct, frozen=True, kw_only=True):
    """A comparison: ``sign`` is one of ``>= <= > < =``; ``amount`` a number, bytes, seconds or a part of 1.

    ``is_fatal`` says whether a backup fails where it does not hold.
    """

    sign: str
    amount: float
    is_fatal: bool = True


class BoundShape(Struct, frozen=True):
    """A comparison with a ``count``, ``size``, ``span`` or ``share``; or ``{ is = …, else = "warn" }``."""

    of: str

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        examples = {"count": ">= 100", "size": ">= 1MB", "span": "<= 2d", "share": "<= 20%"}
        return f'comparison, such as `"{examples[self.of]}"`, or `{{ is = "{examples[self.of]}", else = "warn" }}`'

    @property
    def blank(self) -> Bound:
        """What everything fulfils."""
        return Bound(sign=">=", amount=0)

    def read(self, node: Node, reading: Reading) -> Bound:
        """Return the comparison."""
        rule, is_fatal = read_rule(node, "is", reading)
        found = _COMPARED.fullmatch(read_words(rule, reading).strip())
        amount = self._amount(found[2]) if found else None
        if found is None or amount is None:
            reading.refuse(
                rule,
                ConfigError(
                    "'{key}' has to be a comparison with a {of}.",
                    hint="Write one of >= <= > < = and an amount, such as '{example}'.",
                    key=rule.path,
                    of=self.of,
                    example={"count": ">= 100", "size": ">= 1MB", "span": "<= 2d", "share": "<= 20%"}[self.of],
                ),
            )
        return Bound(sign=found[1], amount=amount, is_fatal=is_fatal)

    def _amount(self, text: str) -> float | None:
        share = _SHARE.fullmatch(text)
        if self.of == "share":
            return float(share[1]) / 100 if share else None
        try:
            if self.of == "count":
                return int(text)
            return parse_size(text) if self.of == "size" else parse_span(text)
        except (UsageError, ValueError):
            return None

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        text = judged_schema(definitions, {"type": "string", "pattern": "^(>=|<=|>|<|=)"})
        return rule_schema("is", text, definitions)


class Requirement(Struct, frozen=True, kw_only=True):
    """A path that has to be there. ``is_fatal`` says whether a backup fails where it is not."""

    path: str
    is_fatal: bool = True


class RequirementShape(Struct, frozen=True):
    """A path, or ``{ path = …, else = "warn" }``."""

    words: str = 'path, or `{ path = "…", else = "warn" }`'

    @property
    def blank(self) -> Requirement:
        """What is always there."""
        return Requirement(path=".")

    def read(self, node: Node, reading: Reading) -> Requirement:
        """Return the path."""
        rule, is_fatal = read_rule(node, "path", reading)
        return Requirement(path=Word().read(rule, reading), is_fatal=is_fatal)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return rule_schema("path", Word().schema(definitions), definitions)


def read_rule(node: Node, name: str, reading: Reading) -> tuple[Node, bool]:
    """Return the rule of ``{ NAME = …, else = "warn" }``, or the node itself; and whether a backup fails by it."""
    if name not in node.members:
        return node, True
    verdict = "fail"
    for word, each in node.members.items():
        if word == "else":
            verdict = VERDICTS.read(each, reading)
        elif word != name:
            reading.refuse(each, unknown_word(node.path, word, (name, "else")))
    return node.members[name], verdict == "fail"


def rule_schema(name: str, rule: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of what ``read_rule`` reads."""
    table = {
        "type": "object",
        "properties": {name: rule, "else": VERDICTS.schema(definitions)},
        "required": [name],
        "additionalProperties": False,
    }
    return {"anyOf": [rule, table]}


class Cron(Struct, frozen=True):
    """Five fields of cron; with ``takes_rhythms`` also words such as weekly."""

    takes_rhythms: bool = False
    blank: str = ""

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        rhythms = " or ".join(f'`"{each}"`' for each in RHYTHMS)
        return f"{rhythms}, or a cron schedule" if self.takes_rhythms else "cron schedule"

    def read(self, node: Node, reading: Reading) -> str:
        """Return the text; it is a schedule that will fire."""
        text = read_words(node, reading)
        if self.takes_rhythms and " " not in text:
            if text not in RHYTHMS:
                reading.refuse(node, unknown_word(node.path, text, RHYTHMS))
            return text
        if len(text.split()) != 5 or not fires(text):
            reading.refuse(
                node,
                ConfigError(
                    "'{text}' is not a schedule.",
                    hint="Write minute, hour, day, month and weekday, such as '0 3 * * *' for every day at three.",
                    text=text,
                ),
            )
        return " ".join(text.split())  # cron takes it in one line

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        fields: Schema = {"type": "string", "pattern": r"^\S+\s+\S+\s+\S+\s+\S+\s+\S+$"}
        return judged_schema(
            definitions, {"anyOf": [{"enum": list(RHYTHMS)}, fields]} if self.takes_rhythms else fields
        )


def fires(schedule: str) -> bool:
    """Say whether a cron schedule is one, and has a next time within its library's fifty years."""
    try:
        next(CronSim(schedule, datetime(2026, 1, 1)))  # noqa: DTZ001 - a calendar, not a moment
    except (CronSimError, StopIteration):
        return False
    return True


class Inside(Struct, frozen=True, kw_only=True):
    """Where something lives: ``engine`` is one of ``compose docker podman kubernetes``, ``name`` what it calls it.

    Kubernetes has ``KIND/NAME`` or ``KIND/NAME/CONTAINER``.
    """

    engine: str
    name: str


class InsideShape(Struct, frozen=True):
    """The address of a container or pod."""

    words: str = '`"compose:NAME"`, `"docker:NAME"`, `"podman:NAME"` or `"kubernetes:KIND/NAME[/CONTAINER]"`'

    @property
    def blank(self) -> Inside:
        """Nowhere."""
        return Inside(engine="", name="")

    def read(self, node: Node, reading: Reading) -> Inside:
        """Return the address."""
        text = read_words(node, reading)
        engine, colon, name = text.partition(":")
        if not colon:
            reading.refuse(node, self._malformed(node, text))
        if engine not in PLACES_INSIDE:
            reading.refuse(node, unknown_word(node.path, engine, PLACES_INSIDE))
        parts = name.split("/")
        if not all(parts) or (len(parts) not in {2, 3} if engine == "kubernetes" else len(parts) != 1):
            reading.refuse(node, self._malformed(node, text))
        return Inside(engine=engine, name=name)

    def _malformed(self, node: Node, text: str) -> ConfigError:
        return ConfigError(
            "'{key}' is no address: '{text}'.",
            hint="Write compose:NAME, docker:NAME, podman:NAME or kubernetes:KIND/NAME[/CONTAINER].",
            key=node.path,
            text=text,
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        pattern = r"^((compose|docker|podman):[^/]+|kubernetes:[^/]+/[^/]+(/[^/]+)?)$"
        return judged_schema(definitions, {"type": "string", "pattern": pattern})


class MaintenanceTime(Struct, frozen=True):
    """Hours of a weekday, or of every day."""

    words: str = 'hours, such as `"Tue 22:00-23:00"` or `"22:00-23:00"`'
    blank: str = ""

    def read(self, node: Node, reading: Reading) -> str:
        """Return the text."""
        text = read_words(node, reading)
        if not _MAINTENANCE.fullmatch(text):
            reading.refuse(
                node,
                ConfigError(
                    "'{text}' are no hours.",
                    hint="Write 'Tue 22:00-23:00', or '22:00-23:00' for every day.",
                    text=text,
                ),
            )
        return text

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return judged_schema(definitions, {"type": "string", "pattern": f"^{_MAINTENANCE.pattern}$"})


SPAN = Span()
SIZE = Size()
RATE = Size(is_rate=True)
INSIDE = InsideShape()
