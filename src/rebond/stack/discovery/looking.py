"""One look at a directory and the machine around it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rebond.stack.discovery.compose import read_compose
from rebond.stack.discovery.compose_files import find_compose_files
from rebond.stack.discovery.compose_model import ComposeStack
from rebond.stack.discovery.dependencies import Dependencies, find_dependencies
from rebond.stack.discovery.env_files import find_env_files, read_variables
from rebond.stack.discovery.git import Repository, find_repository
from rebond.stack.discovery.kubernetes import ClusterFound, find_cluster, has_manifests
from rebond.stack.discovery.nearby_folders import NearbyFolders
from rebond.stack.discovery.postgres import SOCKET_FOLDERS, RunningServer, find_running_servers
from rebond.stack.discovery.systemd import UNIT_FOLDER, UnitFound, find_units
from rebond.stack.discovery.written_paths import can_be_written
from rebond.stack.django_code.django_settings import DjangoProject, read_django

_DATABASE_NAMES = re.compile(r".+\.(sqlite[23]?|db3?|s3db|sl3)$", re.IGNORECASE)
_SETTINGS = "DJANGO_SETTINGS_MODULE"
_HEAD_BYTES = 20_000
_DEEPEST = 4
_MOST_DIRECTORIES = 20_000
_SQLITE_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """Everything that was found. ``variables`` are those of the stack's own ``.env`` and of the environment.

    ``other_manages`` are files of Django whose settings were not found; ``has_manifests`` says whether the directory
    describes something that runs in Kubernetes.
    """

    directory: Path
    name: str
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    file_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    env_files: tuple[Path, ...] = ()
    compose: ComposeStack | None = None
    other_compose: tuple[Path, ...] = ()
    django: tuple[DjangoProject, ...] = ()
    unread_files: tuple[Path, ...] = ()  # of variables
    other_manages: tuple[Path, ...] = ()
    has_manifests: bool = False
    dependencies: Dependencies = field(default_factory=Dependencies)
    repository: Repository | None = None
    servers: tuple[RunningServer, ...] = ()
    cluster: ClusterFound | None = None
    timezone: str = ""
    sqlite_files: tuple[Path, ...] = ()
    units: tuple[UnitFound, ...] = ()  # of systemd


def look_around(
    directory: Path,
    environment: Mapping[str, str],
    *,
    socket_folders: tuple[str, ...] = SOCKET_FOLDERS,
    unit_folder: Path = UNIT_FOLDER,
) -> Surveyed:
    """Look at a directory. Reads only; what cannot be read counts as not there."""
    env_files = find_env_files(directory)
    own = read_variables(directory / ".env")
    found = find_compose_files(directory, {**own, **environment})
    if found.files and found.files[0].parent != directory:  # compose takes the .env beside its first file
        own = {**own, **read_variables(found.files[0].parent / ".env")}
    variables = {**own, **environment}
    dependencies = find_dependencies(directory)
    compose = read_compose(found.files, variables) if found.files else None
    projects = [read_django(each, _variables_of_django(compose, variables)) for each in dependencies.manages]
    return Surveyed(
        directory=directory,
        name=find_name(directory),
        variables=variables,
        file_variables=own,
        env_files=env_files,
        unread_files=tuple(each for each in env_files if not os.access(each, os.R_OK, effective_ids=True)),
        compose=compose,
        other_compose=found.others,
        django=tuple(each for each in projects if each.settings is not None),
        other_manages=tuple(each.manage for each in projects if each.settings is None and _is_django(each.manage)),
        has_manifests=has_manifests(directory),
        dependencies=dependencies,
        repository=find_repository(directory),
        servers=find_running_servers(environment, socket_folders),
        cluster=find_cluster(directory, environment),
        timezone=find_timezone(),
        sqlite_files=_find_databases(directory),
        units=find_units(directory, unit_folder) if directory != Path("/") else (),
    )


def _variables_of_django(compose: ComposeStack | None, variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables with the settings that the services of compose run with, where they agree on them."""
    services = compose.services.values() if compose else ()
    named = {each.text_of(_SETTINGS) for each in services if each.is_active and each.text_of(_SETTINGS)}
    return {_SETTINGS: named.pop(), **variables} if len(named) == 1 else variables


def _is_django(manage: Path) -> bool:
    try:
        with manage.open("rb") as file:
            return re.search(rb"django|configurations\.management", file.read(_HEAD_BYTES).lower()) is not None
    except OSError:
        return True  # nobody can tell


def find_name(directory: Path) -> str:
    """Return a name for the stack: that of its directory, of letters, digits, dots, dashes and underscores."""
    name = re.sub(r"[^\w.-]+", "-", directory.resolve().name).strip("-._")
    return name[:64] or "stack"


def find_timezone(root: Path = Path("/")) -> str:
    """Return the machine's time zone by its name; empty where nothing says it."""
    try:
        text = (root / "etc/timezone").read_text(encoding="utf-8").strip()
        if text:
            return text
    except (OSError, UnicodeDecodeError):
        pass  # only some systems have this file; the link below says the same
    try:
        link = os.readlink(root / "etc/localtime")
    except OSError:
        return ""
    return link.partition("zoneinfo/")[2]


def _find_databases(directory: Path) -> tuple[Path, ...]:
    """Return the SQLite databases in a directory and four folders below."""
    found: list[Path] = []
    for each in NearbyFolders(directory, deepest=_DEEPEST, most=_MOST_DIRECTORIES):
        each.folders[:] = [
            name
            for name in each.folders
            if not name.startswith(".")
            and name not in {"node_modules", "venv"}
            and not os.path.isfile(each.folder / name / "pyvenv.cfg")
        ]
        named = [each.folder / name for name in each.files if _DATABASE_NAMES.fullmatch(name)]
        found += [path for path in named if can_be_written(path) and _is_database(path)]
    return tuple(found)


def _is_database(path: Path) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    except OSError:
        return False
