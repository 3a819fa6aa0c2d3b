"""Commands that change one value of the configuration in its line."""

import re
import shlex
from pathlib import Path

from rebond.config.documents import read_configuration_files
from rebond.config.places import Node, Problems


def read_nodes(path: Path) -> Node:
    """Return the configuration with the line of every value. Raises ``ConfigError`` when it cannot be read."""
    return read_configuration_files(path, Problems())[0]


def change_value(node: Node, new: str) -> str:
    """Return the command that puts ``new`` in the place of a text; an editor, where it is not plain."""
    if not isinstance(node.value, str) or not node.place.line or "\n" in node.value or "|" in node.value + new:
        return open_editor(node)
    script = f"{node.place.line}s|{_escape_pattern(node.value)}|{_escape_text(new)}|"
    return shlex.join(["sed", "-i", script, node.place.file])


def replace_words(file: str, old: str, new: str) -> str:
    """Return the command that replaces words in a whole file."""
    return shlex.join(["sed", "-i", f"s|{_escape_pattern(old)}|{_escape_text(new)}|g", file])


def open_editor(node: Node) -> str:
    """Return the command that opens an editor at the line."""
    return f"${{EDITOR:-vi}} +{node.place.line or 1} {shlex.quote(node.place.file)}"


def _escape_pattern(text: str) -> str:
    return re.sub(r"([\\.*\[\]^$/&])", r"\\\1", text)


def _escape_text(text: str) -> str:
    return re.sub(r"([\\&])", r"\\\1", text)
