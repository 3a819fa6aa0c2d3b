"""Files of variables: which there are, and what they name. Values stay in memory."""

import os
from collections.abc import Mapping
from pathlib import Path

FILE_LIMIT_BYTES = 1_000_000
_TEMPLATES = ("example", "sample", "dist", "template", "tpl")  # in Git, and without secrets
_SKIPPED = {"node_modules", "venv", "vendor", "__pycache__", "site-packages"}
_DEEPEST = 3
_MOST_DIRECTORIES = 2_000


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a file; none where it cannot be read, which the configuration says again later."""
    from dotenv import dotenv_values  # noqa: PLC0415 - few directories have such files

    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            return {}
        with path.open(encoding="utf-8", errors="surrogateescape") as stream:
            found: Mapping[str, str | None] = dotenv_values(stream=stream)
    except OSError:
        return {}
    return {name: text for name, text in found.items() if text is not None}


def find_env_files(directory: Path) -> tuple[Path, ...]:
    """Return the files of variables at most three folders below, those for examples left out, nearest first."""
    found: list[Path] = []
    for number, (folder, below, names) in enumerate(os.walk(directory)):
        depth = len(Path(folder).relative_to(directory).parts)
        below[:] = (
            [] if depth >= _DEEPEST else sorted(each for each in below if each not in _SKIPPED and each[0] != ".")
        )
        found += [Path(folder) / each for each in sorted(names) if _is_env_file(each)]
        if number >= _MOST_DIRECTORIES:
            break
    return tuple(sorted(found, key=lambda path: (len(path.parts), str(path))))


def _is_env_file(name: str) -> bool:
    if name.rpartition(".")[2] in _TEMPLATES:
        return False
    return name == ".env" or name.startswith(".env.") or (name.endswith(".env") and len(name) > 4)
