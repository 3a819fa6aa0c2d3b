"""Tables as frozen dataclasses: each field says its shape and, in one sentence, what it is for."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar, cast

from rebond.config.places import Node, find_nearest
from rebond.config.shapes import Reading, Schema, Shape, Unfit, not_a_table, read_words, unknown_word
from rebond.errors import ConfigError

T = TypeVar("T")
D = TypeVar("D")
SHAPE, ABOUT, KEY = "shape", "about", "key"


def optional(shape: Shape[T], about: str, *, default: D, name: str = "") -> T | D:
    """Declare a field: its shape, what it is for, what it is when nobody says.

    ``name`` is its key where that is no name for a field (``in``, ``for``).
    """
    metadata = {SHAPE: shape, ABOUT: about, KEY: name}
    if isinstance(default, dict):
        return cast("T", dataclasses.field(default_factory=dict, metadata=metadata))
    return cast("T", dataclasses.field(default=default, metadata=metadata))


def required(shape: Shape[T], about: str, *, name: str = "") -> T:
    """Declare a field that has to be there."""
    return cast("T", dataclasses.field(metadata={SHAPE: shape, ABOUT: about, KEY: name}))


def keys_of(model: type[Any]) -> dict[str, "dataclasses.Field[Any]"]:
    """Return the fields of a model by their keys."""
    fields = [each for each in dataclasses.fields(model) if SHAPE in each.metadata]
    return {field.metadata[KEY] or field.name: field for field in fields}


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Say whether a field has to be there."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def default_of(field: "dataclasses.Field[Any]") -> object:
    """Return what a field is when nobody says; the blank of its shape where somebody has to."""
    if field.default is not dataclasses.MISSING:
        return cast("object", field.default)
    return field.metadata[SHAPE].blank if is_required(field) else {}


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """A table that is read into ``model``. ``moved`` says of misplaced keys where they belong."""

    model: type[T]
    moved: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"[{title_of(self.model)}](#{anchor_of(self.model)})"

    @property
    def blank(self) -> T:
        """The model with nothing in it."""
        return self.model(**{field.name: default_of(field) for field in keys_of(self.model).values()})

    def read(self, node: Node, reading: Reading) -> T:
        """Return the model; what could not be read in it is blank and was reported."""
        if not isinstance(node.value, dict):
            reading.refuse(node, not_a_table(node))
        return self.read_members(node, reading, node.members)

    def read_members(self, node: Node, reading: Reading, members: Mapping[str, Node]) -> T:
        """Read some of the members of a table as if they were all."""
        fields = keys_of(self.model)
        for name, each in members.items():
            if name not in fields:
                reading.problems.refuse(each.place, self._unknown_key(name, each, fields))
                reading.spoilt.add(node.path)
        values = {}
        for name, field in fields.items():
            shape: Shape[object] = field.metadata[SHAPE]
            below = members.get(name)
            if below is None:
                values[field.name] = default_of(field)
                if is_required(field):
                    reading.problems.refuse(node.place, _missing_key(node, name))
                    reading.spoilt.add(f"{node.path}.{name}")
                continue
            try:
                values[field.name] = shape.read(below, reading)
            except Unfit:
                reading.spoilt.add(below.path)
                values[field.name] = default_of(field)
        return self.model(**values)

    def _unknown_key(self, name: str, node: Node, fields: Mapping[str, object]) -> ConfigError:
        place = dict(self.moved).get(name)
        if place:
            return ConfigError("'{key}' does not stand here.", hint="Move it to {place}.", key=node.path, place=place)
        nearest = find_nearest(name, fields)
        if nearest:
            return ConfigError("Unknown key '{key}'.", hint="Did you mean '{nearest}'?", key=node.path, nearest=nearest)
        return ConfigError(
            "Unknown key '{key}'.", hint="Known here: {known}.", key=node.path, known=", ".join(sorted(fields))
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return a reference; the table itself goes into ``definitions``."""
        name = anchor_of(self.model)
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = table_schema(self.model, definitions)
        return {"$ref": f"#/$defs/{name}"}


def table_schema(model: type[Any], definitions: dict[str, Schema]) -> Schema:
    """Return the JSON Schema of a model."""
    fields = keys_of(model)
    properties = {
        name: {**field.metadata[SHAPE].schema(definitions), "description": field.metadata[ABOUT]}
        for name, field in fields.items()
    }
    schema: Schema = {
        "type": "object",
        "description": model.__doc__ or "",
        "properties": properties,
        "additionalProperties": False,
    }
    needed = [name for name, field in fields.items() if is_required(field)]
    return {**schema, "required": needed} if needed else schema


def title_of(model: type[Any]) -> str:
    """Return what the page calls a model."""
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in model.__name__)
    return words.strip()


def anchor_of(model: type[Any]) -> str:
    """Return the model's name in links."""
    return title_of(model).replace(" ", "-")


def _missing_key(node: Node, name: str) -> ConfigError:
    return ConfigError(
        "'{key}' is missing.", hint="Add it: {name} = …", key=f"{node.path}.{name}" if node.path else name, name=name
    )


@dataclass(frozen=True, slots=True)
class OneOf(Generic[T]):
    """A table whose ``kind`` says which model it is."""

    models: Mapping[str, type[T]]
    tag: str = "kind"

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return "a table with its `kind`"

    @property
    def blank(self) -> T:
        """The first model with nothing in it."""
        return Table(next(iter(self.models.values()))).blank

    def read(self, node: Node, reading: Reading) -> T:
        """Return the model that the tag names."""
        if not isinstance(node.value, dict):
            reading.refuse(node, not_a_table(node))
        tag = node.members.get(self.tag)
        if tag is None:
            self._refuse_untagged(node, reading)
        word = read_words(tag, reading)
        if word not in self.models:
            reading.refuse(tag, unknown_word(tag.path, word, list(self.models)))
        return Table(self.models[word]).read(node, reading)

    def _refuse_untagged(self, node: Node, reading: Reading) -> NoReturn:
        reading.refuse(
            node,
            ConfigError(
                "'{key}' does not say its kind.",
                hint='Add kind = "…"; it is one of: {known}.',
                key=node.path,
                known=", ".join(self.models),
            ),
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        references = []
        for word, model in self.models.items():
            references.append(Table(model).schema(definitions))
            properties = definitions[anchor_of(model)]["properties"]
            assert isinstance(properties, dict)  # noqa: S101 - it was made by table_schema
            properties[self.tag] = {"const": word}
        return {"oneOf": references}
