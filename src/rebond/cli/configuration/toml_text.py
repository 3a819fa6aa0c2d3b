"""Writing a document as TOML, for people to read: a heading for each table of two levels, deeper ones in one line."""

import json
from collections.abc import Mapping
from typing import Any


def write_toml(document: Any) -> str:
    """Return the document; read again it says the same."""
    lines = [f"{_key(key)} = {write_value(each)}" for key, each in document.items() if not _has_heading(each)]
    for key, each in document.items():
        if isinstance(each, list) and _has_heading(each):
            for table in each:
                lines += ["", f"[[{_key(key)}]]", *_members(table)]
        elif _is_group(each):
            for name, table in each.items():
                lines += ["", f"[{_key(key)}.{_key(name)}]", *_members(table)]
        elif isinstance(each, dict):
            lines += ["", f"[{_key(key)}]", *_members(each)]
    return "\n".join(lines).strip("\n") + "\n"


def _members(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {write_value(each)}" for key, each in table.items()]


def _has_heading(value: object) -> bool:
    """Say whether it is a table, or a list of nothing else."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) for each in value)
    return isinstance(value, dict)


def _is_group(value: object) -> bool:
    """Say whether it is tables by their names."""
    return isinstance(value, dict) and bool(value) and all(isinstance(each, dict) for each in value.values())


def _key(key: str) -> str:
    return key if key and key.isascii() and key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)


def write_value(value: object) -> str:
    """Return a value as TOML writes it, in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_members(value)) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(write_value(each) for each in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else str(value)
