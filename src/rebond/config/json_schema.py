"""The JSON Schema of the configuration, for editors."""

import json

from rebond.config.loading import MOVED
from rebond.config.model import Configuration
from rebond.config.shapes import Schema
from rebond.config.structs import Table, anchor_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def make_schema() -> Schema:
    """Return the schema. Editors that know TOML take it; what it cannot say, ``rebond config check`` does."""
    definitions: dict[str, Schema] = {}
    Table(Configuration, MOVED).schema(definitions)
    whole = definitions.pop(anchor_of(Configuration))
    return {
        "$schema": DIALECT,
        "title": "rebond.toml",
        **whole,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def write_schema() -> str:
    """Return the schema as it is published."""
    return json.dumps(make_schema(), indent=1, ensure_ascii=False) + "\n"
