"""What a stack is at a moment: commit, images, migrations; in a small file, for the next snapshot and the ledger.

``rebond doctor --record`` writes it; ``read_record`` gives it to whoever makes a snapshot or shows the history.
"""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

from rebond.config.components import Sqlite
from rebond.durable_files import make_directories_durably, replace_durably
from rebond.errors import RebondError, UsageError
from rebond.sources.channels.compose import find_compose
from rebond.stack.advice.git_state import ask_git
from rebond.stack.advice.observing import Scene
from rebond.stack.advice.tools import find_engines
from rebond.stack.asking import ask_program

RECORD_NAME = "record.json"
_PATIENCE_SECONDS = 20.0
_MIGRATION = re.compile(r"(\d{4}_\w+)\.py")
_SKIPPED = {"node_modules", "site-packages", "venv"}
_DEEPEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StackRecord:
    """What was found; empty where there is no such thing.

    ``time_ms`` is milliseconds since 1970. ``commit`` has ``head``, ``branch`` and ``dirty``; ``images`` the digests
    by image name; ``migrations`` the newest file of each app; ``applied`` the newest that the database has.
    """

    stack: str
    time_ms: int
    commit: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    migrations: Mapping[str, str] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)


def gather_record(scene: Scene) -> StackRecord:
    """Look at git, images and migrations. What does not answer is left empty: a record is better than none."""
    root = scene.loaded.root
    return StackRecord(
        stack=scene.configuration.stack.name,
        time_ms=scene.clock.now_ms(),
        commit=_find_commit(scene, root),
        images=_find_images(scene) if find_engines(scene) & {"compose", "docker"} else {},
        migrations=dict(_find_migrations(root)),
        applied=_find_applied(scene),
    )


def record_path(state_folder: Path, stack: str) -> Path:
    """Return where the record of a stack lies."""
    return state_folder / "stacks" / quote(stack, safe="") / RECORD_NAME


def write_record(state_folder: Path, record: StackRecord) -> Path:
    """Write a record in the place of the last; durable when it returns. Raises ``UsageError``."""
    path = record_path(state_folder, record.stack)
    try:
        make_directories_durably(str(path.parent))
        replace_durably(str(path), json.dumps(asdict(record), indent=2, sort_keys=True).encode() + b"\n")
    except OSError as error:
        raise UsageError(
            "The record cannot be written to {path}: {reason}.",
            hint="Make the folder writable, or set REBOND_STATE_DIR to one that is.",
            path=str(path),
            reason=error.strerror or str(error),
        ) from error
    return path


def read_record(state_folder: Path, stack: str) -> StackRecord | None:
    """Return the last record of a stack; ``None`` where there is none that can be read."""
    try:
        fields = json.loads(record_path(state_folder, stack).read_bytes())
        return StackRecord(
            stack=str(fields["stack"]),
            time_ms=int(fields["time_ms"]),
            commit={str(key): str(each) for key, each in fields["commit"].items()},
            images={str(key): tuple(map(str, each)) for key, each in fields["images"].items()},
            migrations={str(key): str(each) for key, each in fields["migrations"].items()},
            applied={str(key): str(each) for key, each in fields["applied"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _find_commit(scene: Scene, root: Path) -> dict[str, str]:
    head = ask_git(scene, root, "rev-parse", "HEAD")
    if not head.is_good:
        return {}
    branch = ask_git(scene, root, "rev-parse", "--abbrev-ref", "HEAD")
    changes = ask_git(scene, root, "status", "--porcelain=v1", "--untracked-files=no")
    return {
        "head": head.output.strip(),
        "branch": branch.output.strip() if branch.is_good else "",
        "dirty": "yes" if changes.output.strip() or not changes.is_good else "no",
    }


def _find_images(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Return each image that compose uses, with the digests that registries know it by, else its own id."""
    try:
        compose = find_compose(scene.loaded.variables)
    except RebondError:
        return {}
    files = [word for each in scene.configuration.stack.compose for word in ("--file", str(scene.loaded.root / each))]
    listed = ask_program(
        (*compose, *files, "config", "--images"),
        environment=scene.loaded.variables,
        timeout_seconds=_PATIENCE_SECONDS,
        directory=str(scene.loaded.root),
    )
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(set(listed.output.split())) if listed.is_good else ():
        asked = ask_program(
            ("docker", "image", "inspect", "--format", "{{json .RepoDigests}} {{.Id}}", name),
            environment=scene.loaded.variables,
            timeout_seconds=_PATIENCE_SECONDS,
        )
        if asked.is_good:
            found[name] = _read_digests(asked.output)
    return found


def _read_digests(text: str) -> tuple[str, ...]:
    digests, _, own = text.strip().rpartition(" ")
    try:
        known = tuple(map(str, json.loads(digests) or ()))
    except ValueError:
        known = ()
    return known or (own,)


def _find_migrations(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each app with its newest migration, by the files of the source tree; nothing is run."""
    for folder, below, names in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        below[:] = (
            [] if depth >= _DEEPEST else sorted(each for each in below if each not in _SKIPPED and each[0] != ".")
        )
        if os.path.basename(folder) == "migrations":
            found = [shape[1] for each in names if (shape := _MIGRATION.fullmatch(each))]
            if found:
                yield Path(folder).parent.name, max(found)


def _find_applied(scene: Scene) -> dict[str, str]:
    """Return each app with the newest migration that an SQLite database says it has."""
    found: dict[str, str] = {}
    for component in scene.configuration.component.values():
        if isinstance(component, Sqlite) and component.path and not component.inside:
            path = scene.loaded.root / component.path
            try:
                address = f"file:{quote(str(path))}?mode=ro"
                with contextlib.closing(sqlite3.connect(address, uri=True, timeout=2)) as connection:
                    rows = connection.execute("SELECT app, max(name) FROM django_migrations GROUP BY app").fetchall()
            except sqlite3.Error:  # no such table, or no database: then nothing is known
                continue
            found |= {str(app): str(name) for app, name in rows}
    return found
