"""Tables as frozen structures: each field says its shape and, in one sentence, what it is for."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeVar, cast, dataclass_transform

from msgspec import Struct, StructMeta

from rebond.config.places import Node, find_nearest
from rebond.config.shapes import Reading, Schema, Shape, Unfit, not_a_table, read_words, unknown_word
from rebond.errors import ConfigError

T = TypeVar("T")
D = TypeVar("D")
_NEEDED: Final = object()


class Declared(Struct, frozen=True, kw_only=True):
    """What is known of a field: its shape, what it is for, its key where that is another, what it is by itself."""

    shape: Shape[Any]
    about: str
    key: str = ""
    default: object = _NEEDED

    @property
    def is_required(self) -> bool:
        """Whether it has to be there."""
        return self.default is _NEEDED

    @property
    def blank(self) -> object:
        """What it is when nobody says; the blank of its shape where somebody has to."""
        if self.is_required:
            return self.shape.blank
        return dict(self.default) if isinstance(self.default, dict) else self.default


def optional(shape: Shape[T], about: str, *, default: D, name: str = "") -> T | D:
    """Declare a field: its shape, what it is for, what it is when nobody says.

    ``name`` is its key where that is no name for a field (``in``, ``for``).
    """
    return cast("T", Declared(shape=shape, about=about, key=name, default=default))


def required(shape: Shape[T], about: str, *, name: str = "") -> T:
    """Declare a field that has to be there."""
    return cast("T", Declared(shape=shape, about=about, key=name))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(optional, required))
class _ModelMeta(StructMeta):
    """Takes what is declared of each field out of a model, so that it is a structure like any other.

    Dataclasses cost every command a millisecond for each of some eighty classes; these cost a twentieth.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> "_ModelMeta":
        declared: dict[str, Declared] = {}
        for base in reversed(bases):
            declared |= getattr(base, "declared", {})
        for key, value in list(namespace.items()):
            if isinstance(value, Declared):
                declared[key] = value
                del namespace[key]
                if not value.is_required:
                    namespace[key] = value.default
        namespace["declared"] = declared
        return super().__new__(cls, name, bases, namespace, frozen=True, kw_only=True)


class Model(Struct, metaclass=_ModelMeta):
    """A table of the configuration; ``declared`` says of each field, in order, what was declared of it."""

    declared: ClassVar[dict[str, Declared]] = {}


M = TypeVar("M", bound=Model)


def keys_of(model: type[Model]) -> dict[str, tuple[str, Declared]]:
    """Return the fields of a model by their keys: each one's name, and what was declared of it."""
    return {each.key or name: (name, each) for name, each in model.declared.items()}


class Table(Struct, Generic[M], frozen=True):
    """A table that is read into ``model``. ``moved`` says of misplaced keys where they belong."""

    model: type[M]
    moved: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return f"[{title_of(self.model)}](#{anchor_of(self.model)})"

    @property
    def blank(self) -> M:
        """The model with nothing in it."""
        return self.model(**{name: declared.blank for name, declared in keys_of(self.model).values()})

    def read(self, node: Node, reading: Reading) -> M:
        """Return the model; what could not be read in it is blank and was reported."""
        if not isinstance(node.value, dict):
            reading.refuse(node, not_a_table(node))
        return self.read_members(node, reading, node.members)

    def read_members(self, node: Node, reading: Reading, members: Mapping[str, Node]) -> M:
        """Read some of the members of a table as if they were all."""
        fields = keys_of(self.model)
        for name, each in members.items():
            if name not in fields:
                reading.problems.refuse(each.place, self._unknown_key(name, each, fields))
                reading.spoilt.add(node.path)
        values = {}
        for key, (name, declared) in fields.items():
            below = members.get(key)
            values[name] = declared.blank
            if below is not None:
                try:
                    values[name] = declared.shape.read(below, reading)
                except Unfit:
                    reading.spoilt.add(below.path)
            elif declared.is_required:
                reading.problems.refuse(node.place, _missing(node, key, is_table=isinstance(declared.shape, Table)))
                reading.spoilt.add(f"{node.path}.{key}")
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
    fields = {key: declared for key, (_, declared) in keys_of(model).items()}
    properties = {key: {**each.shape.schema(definitions), "description": each.about} for key, each in fields.items()}
    schema: Schema = {
        "type": "object",
        "description": model.__doc__ or "",
        "properties": properties,
        "additionalProperties": False,
    }
    needed = [key for key, each in fields.items() if each.is_required]
    return {**schema, "required": needed} if needed else schema


def title_of(model: type[Any]) -> str:
    """Return what the page calls a model."""
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in model.__name__)
    return words.strip()


def anchor_of(model: type[Any]) -> str:
    """Return the model's name in links."""
    return title_of(model).replace(" ", "-")


def _missing(node: Node, name: str, *, is_table: bool) -> ConfigError:
    key = f"{node.path}.{name}" if node.path else name
    if is_table:
        return ConfigError("[{key}] is missing.", hint="Add a line [{key}], and below it what it says.", key=key)
    return ConfigError("'{key}' is missing.", hint="Add it: {name} = …", key=key, name=name)


class OneOf(Struct, Generic[M], frozen=True):
    """A table whose ``kind`` says which model it is."""

    models: Mapping[str, type[M]]
    tag: str = "kind"

    @property
    def words(self) -> str:
        """What the reference page calls it."""
        return "a table with its `kind`"

    @property
    def blank(self) -> M:
        """The first model with nothing in it."""
        return Table(next(iter(self.models.values()))).blank

    def read(self, node: Node, reading: Reading) -> M:
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
