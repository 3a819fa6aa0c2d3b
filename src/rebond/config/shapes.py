"""What a value may look like: how it is read, what its JSON Schema is, and how the reference page calls it."""

from collections.abc import Mapping, Sequence
from typing import Generic, NoReturn, Protocol, TypeVar

from msgspec import Struct, field

from rebond.config.places import Node, Problems, find_nearest
from rebond.errors import ConfigError, UsageError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Schema = dict[str, object]


class Unfit(Exception):
    """A value cannot be used; why was reported already."""


class Reading(Struct, kw_only=True):
    """One reading of a configuration. ``variables`` are the environment's, then those of the stack's files.

    ``spoilt`` holds the paths of what could not be read, so that nothing is blamed for what follows from it.
    """

    variables: Mapping[str, str]
    problems: Problems = field(default_factory=Problems)
    spoilt: set[str] = field(default_factory=set)

    def refuse(self, node: Node, error: UsageError) -> NoReturn:
        """Report why a node cannot be used, and leave it."""
        self.problems.refuse(node.place, error)
        raise Unfit


class Shape(Protocol[T_co]):
    """How one kind of value is read. ``blank`` stands in for what could not be."""

    @property
    def blank(self) -> T_co:
        """A value that lets the reading go on after a problem."""
        ...

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        ...

    def read(self, node: Node, reading: Reading) -> T_co:
        """Return the value; raise ``Unfit`` after reporting why there is none."""
        ...

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the JSON Schema; what has a name goes into ``definitions``."""
        ...


def read_words(node: Node, reading: Reading) -> str:
    """Return text that is judged now: written out, or ``{ env = … }``, whose value is looked up at once."""
    if isinstance(node.value, str):
        return node.value
    name = node.members.get("env")
    if name is None:
        if node.members:
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' is judged when the configuration is read.",
                    hint='Write it out, or take it from a variable: {{ env = "NAME", default = "…" }}.',
                    key=node.path,
                ),
            )
        reading.refuse(node, _not_text(node))
    default = node.members.get("default")
    found = reading.variables.get(str(name.value)) or (default.value if default else None)
    if not isinstance(found, str):
        reading.refuse(
            name,
            ConfigError(
                "The variable {name} is not set, and '{key}' needs it now.",
                hint='Set it, or add a default: {{ env = "{name}", default = "…" }}.',
                name=str(name.value),
                key=node.path,
            ),
        )
    return found


def _not_text(node: Node) -> ConfigError:
    return ConfigError("'{key}' has to be text.", hint="Put it in quotes.", key=node.path)


class Word(Struct, frozen=True):
    """Text that is needed as it stands."""

    words: str = "text"
    blank: str = ""

    def read(self, node: Node, reading: Reading) -> str:
        """Return the text; it is not empty."""
        text = read_words(node, reading)
        if not text:
            reading.refuse(
                node, ConfigError("'{key}' is empty.", hint="Write what is meant, or take the line out.", key=node.path)
            )
        return text

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": _variable(definitions)}]}


def _variable(definitions: dict[str, Schema]) -> str:
    definitions["variable"] = {
        "type": "object",
        "properties": {"env": {"type": "string"}, "default": {"type": "string"}},
        "required": ["env"],
        "additionalProperties": False,
    }
    return "#/$defs/variable"


def judged_schema(definitions: dict[str, Schema], schema: Schema) -> Schema:
    """Return the schema of text that is judged now: as given, or a variable."""
    return {"anyOf": [schema, {"$ref": _variable(definitions)}]}


class Flag(Struct, frozen=True):
    """True or false."""

    words: str = "true or false"
    blank: bool = False

    def read(self, node: Node, reading: Reading) -> bool:
        """Return the truth."""
        if not isinstance(node.value, bool):
            reading.refuse(
                node,
                ConfigError("'{key}' has to be true or false.", hint="Write it without quotes.", key=node.path),
            )
        return node.value

    def schema(self, _definitions: dict[str, Schema]) -> Schema:
        return {"type": "boolean"}


class Count(Struct, frozen=True):
    """A whole number."""

    least: int = 0
    most: int | None = None
    blank: int = 0

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"number from {self.least}" + (f" to {self.most}" if self.most is not None else "")

    def read(self, node: Node, reading: Reading) -> int:
        """Return the number."""
        number = node.value
        if not isinstance(number, int) or isinstance(number, bool):
            reading.refuse(
                node, ConfigError("'{key}' has to be a whole number.", hint="Write it without quotes.", key=node.path)
            )
        if number < self.least or (self.most is not None and number > self.most):
            reading.refuse(
                node,
                ConfigError(
                    "'{key}' cannot be {number}.",
                    hint="It is at least {least}." if self.most is None else "It is from {least} to {most}.",
                    key=node.path,
                    number=number,
                    least=self.least,
                    most=self.most,
                ),
            )
        return number

    def schema(self, _definitions: dict[str, Schema]) -> Schema:
        schema: Schema = {"type": "integer", "minimum": self.least}
        return schema if self.most is None else {**schema, "maximum": self.most}


class Choice(Struct, frozen=True):
    """One of a few words."""

    known: tuple[str, ...]
    blank: str = ""

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return " or ".join(f'`"{each}"`' for each in self.known)

    def read(self, node: Node, reading: Reading) -> str:
        """Return the word."""
        word = read_words(node, reading)
        if word not in self.known:
            reading.refuse(node, unknown_word(node.path, word, self.known))
        return word

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return judged_schema(definitions, {"enum": list(self.known)})


class ChoiceOrFlag(Struct, frozen=True, kw_only=True):
    """One of a few words, or true or false, which stand for two of them."""

    known: tuple[str, ...]
    if_true: str
    if_false: str
    blank: str = ""

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"{Choice(self.known).words} or true or false"

    def read(self, node: Node, reading: Reading) -> str:
        """Return the word."""
        if isinstance(node.value, bool):
            return self.if_true if node.value else self.if_false
        return Choice(self.known).read(node, reading)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"anyOf": [{"type": "boolean"}, Choice(self.known).schema(definitions)]}


def unknown_word(key: str, word: str, known: Sequence[str]) -> ConfigError:
    """Return the problem of a word that is none of those known, with the nearest."""
    nearest = find_nearest(word, known)
    if nearest:
        return ConfigError(
            "'{key}' cannot be '{word}'.", hint="Did you mean '{nearest}'?", key=key, word=word, nearest=nearest
        )
    return ConfigError(
        "'{key}' cannot be '{word}'.", hint="It is one of: {known}.", key=key, word=word, known=", ".join(known)
    )


class ListOf(Struct, Generic[T], frozen=True):
    """A list of values of one shape."""

    shape: Shape[T]
    blank: tuple[T, ...] = ()

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"list of: {self.shape.words}"

    def read(self, node: Node, reading: Reading) -> tuple[T, ...]:
        """Return the values that can be used; the others were reported."""
        if not isinstance(node.value, list):
            reading.refuse(
                node, ConfigError("'{key}' has to be a list.", hint="Put it in brackets: [ … ].", key=node.path)
            )
        found = []
        for each in node.items:
            try:
                found.append(self.shape.read(each, reading))
            except Unfit:
                reading.spoilt.add(node.path)
        return tuple(found)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "array", "items": self.shape.schema(definitions)}


class Named(Struct, Generic[T], frozen=True):
    """Tables by the names that the user gives them: ``[component.media]``."""

    shape: Shape[T]

    @property
    def blank(self) -> Mapping[str, T]:
        """Nothing named."""
        return {}

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"names, each with: {self.shape.words}"

    def read(self, node: Node, reading: Reading) -> Mapping[str, T]:
        """Return what can be used by its name."""
        if not isinstance(node.value, dict):
            reading.refuse(node, not_a_table(node))
        found = {}
        for name, each in node.members.items():
            if not is_name(name):
                reading.problems.refuse(each.place, _not_a_name(name))
            try:
                found[name] = self.shape.read(each, reading)
            except Unfit:
                reading.spoilt.add(each.path)
        return found

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return {"type": "object", "additionalProperties": self.shape.schema(definitions)}


def is_name(text: str) -> bool:
    """Say whether text can name a component, class or place: it is also a directory and a word on the command line."""
    return 0 < len(text) <= 64 and text[0].isalnum() and all(each.isalnum() or each in "-_." for each in text)


def _not_a_name(name: str) -> ConfigError:
    return ConfigError(
        "'{name}' cannot be a name.",
        hint="Names are letters, digits, '-', '_' and '.', begin with a letter or digit and have 64 at most.",
        name=name,
    )


def not_a_table(node: Node) -> ConfigError:
    """Return the problem of something else where a table is wanted."""
    return ConfigError("'{key}' has to be a table.", hint="Write a [heading] or {{ key = value }}.", key=node.path)


class Name(Struct, frozen=True):
    """A name that the user gives to something."""

    words: str = "name"
    blank: str = ""

    def read(self, node: Node, reading: Reading) -> str:
        """Return the name."""
        text = read_words(node, reading)
        if not is_name(text):
            reading.refuse(node, _not_a_name(text))
        return text

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        return judged_schema(definitions, {"type": "string", "pattern": "^[\\w][\\w.-]{0,63}$"})
