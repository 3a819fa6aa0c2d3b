"""Compose's rules for joining what several files, and several services by ``extends``, say of one service."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rebond.stack.discovery.compose_yaml import Tagged, Tree

Plain = dict[str, Any]
Replace = Callable[[str], str]

_PAIRS = ("environment", "labels")
_DEEPEST = 3
_ALWAYS_LISTS = ("env_file", "profiles", "secrets", "volumes")


def normalize_service(service: Mapping[str, Tree], directory: Path, replace: Replace) -> Plain:
    """Return a service whose pairs are tables, whose mounts are tables, and whose paths are absolute."""
    plain: Plain = dict(service)
    for key in _PAIRS:
        if key in plain:
            plain[key] = _on_value(plain[key], pairs_of)
    if "volumes" in plain:
        plain["volumes"] = _on_value(
            plain["volumes"], lambda value: [_read_mount(each, directory, replace) for each in list_of(value)]
        )
    if "env_file" in plain:
        plain["env_file"] = _on_value(
            plain["env_file"], lambda value: [str(directory / replace(_path_of(each))) for each in list_of(value)]
        )
    for key in ("profiles", "secrets"):
        if key in plain:
            plain[key] = _on_value(plain[key], list_of)
    return plain


def merge_services(earlier: Mapping[str, Any], later: Mapping[str, Any], depth: int = 0) -> Plain:
    """Return both: tables joined, lists one after the other, mounts by their target, all else as the later says.

    Tables deeper than any that matters here are replaced: a few lines of aliases can be a table without end.
    """
    merged = dict(earlier)
    for key, value in later.items():
        if isinstance(value, Tagged):
            if value.takes_away:
                merged.pop(key, None)
            else:
                merged[key] = value.value
        elif key == "volumes" and depth == 0:
            by_target = {str(each.get("target")): each for each in [*list_of(merged.get(key)), *value]}
            merged[key] = list(by_target.values())
        elif depth < _DEEPEST and isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge_services(merged[key], value, depth + 1)
        elif isinstance(value, list) and key in _ALWAYS_LISTS:
            merged[key] = [*list_of(merged.get(key)), *value]
        else:
            merged[key] = value
    return merged


def strip_tags(value: Any) -> Any:
    """Return a value that is left with a tag as compose would take it; of a table, each of its values."""
    value = _strip(value)
    return {key: _strip(each) for key, each in value.items()} if isinstance(value, dict) else value


def text_of(value: Any) -> str:
    """Return a value that is text; anything else is empty, and is not looked into."""
    return value if isinstance(value, str) else ""


def _strip(value: Any) -> Any:
    if isinstance(value, Tagged):
        return None if value.takes_away else value.value
    return value


def list_of(value: Any) -> list[Any]:
    """Return a list; what stands alone is a list of one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def pairs_of(value: Any) -> Plain:
    """Return a table of ``["NAME=value", "NAME"]`` or of a table. What has no value has ``None``."""
    if isinstance(value, dict):
        return {str(name): each for name, each in value.items()}
    found: Plain = {}
    for each in list_of(value):
        name, sign, text = text_of(each).partition("=")
        found[name] = text if sign else None
    return found


def _on_value(value: Any, change: Callable[[Any], Any]) -> Any:
    return Tagged(value.takes_away, change(value.value)) if isinstance(value, Tagged) else change(value)


def _path_of(value: Any) -> str:
    return text_of(value.get("path") if isinstance(value, dict) else value)


def _read_mount(value: Any, directory: Path, replace: Replace) -> Plain:
    """Return ``type``, ``source``, ``target`` and ``read_only`` of a mount in its short or long form."""
    if isinstance(value, dict):
        mount = {key: replace(each) for key, each in value.items() if isinstance(each, str)}
        kind = mount.get("type", "volume")
        source = mount.get("source") or mount.get("src", "")
        target = mount.get("target") or mount.get("destination") or mount.get("dst", "")
        is_read_only = mount.get("read_only", mount.get("readonly", "")).lower() == "true"
    else:
        parts = replace(text_of(value)).split(":")
        source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
        kind = "bind" if source.startswith(("/", ".", "~")) else "volume"
        is_read_only = len(parts) > 2 and "ro" in parts[2].split(",")
    if kind == "bind" and source:
        source = str((directory / Path(source).expanduser()).resolve())
    return {"type": kind, "source": source, "target": target.rstrip("/") or "/", "read_only": is_read_only}
