"""The file fields of a PostgreSQL database found by themselves: those of Django's models, by code and by values."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence

from rebond.config.components import Component, Django, Files, Postgres, Versioned
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.operations.named_fields import FoundFields, NamedField, Place, Sureness
from rebond.sources.postgres.file_columns import (
    GatheredValues,
    TextColumn,
    find_django,
    list_applied,
    list_columns,
    sample_values,
)
from rebond.sources.postgres.looks import Asked
from rebond.stack.django_code.applications import Knowledge, find_migrations, learn_from_code
from rebond.stack.django_code.django_settings import read_django
from rebond.stack.django_code.field_classes import Verdict
from rebond.stack.named_files import NamedPaths, find_root

Report = Callable[[Finding], None]

_NO_FILES = ("django_*", "auth_*", "easy_thumbnails_*", "thumbnail_kvstore", "celery_*", "reversion_*", "axes_*")
_LIKE_A_PATH = re.compile(rb"[^\s:*?\"<>|/][^:*?\"<>|\0\n]*\.[A-Za-z0-9]{1,8}")
_ADDRESS = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")
_ENOUGH = 0.5
_USUAL_FOLDERS = ("", "media")


class FieldFinder:
    """Finds the columns of one component's databases that name files, and gathers what they hold."""

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self._fields: list[NamedField] = []
        self._gathered: list[GatheredValues] = []
        self._asked: dict[str, tuple[list[TextColumn], GatheredValues]] = {}

    @property
    def has_places(self) -> bool:
        """Whether there are components of files that it could name files of."""
        return bool(_list_places(self._loaded))

    def begin(self) -> None:
        """Forget what an earlier attempt gathered."""
        for each in self._gathered:
            each.close()
        self._fields, self._gathered, self._asked = [], [], {}

    def ask_snapshot(self, snapshot: Asked, report: Report) -> None:
        """Gather the values in the moment that is held; of a database that was asked before, what is new of it.

        What cannot be asked is told: a backup is not for that.
        """
        try:
            if snapshot.name in self._asked:
                columns, gathered = self._asked[snapshot.name]
                gathered.gather(snapshot, columns)
            else:
                self._ask(snapshot)
        except (SourceError, OSError) as error:
            report(_not_asked(self._name, error))

    def find(self) -> FoundFields:
        """Return the columns, and where their files may be."""
        return FoundFields(fields=tuple(self._fields), places=_list_places(self._loaded), close=self.begin)

    def _ask(self, snapshot: Asked) -> None:
        schema = find_django(snapshot)
        if schema is None or not _list_places(self._loaded):
            return
        folders = find_migrations(_list_code(self._loaded), _list_trees(self._loaded))
        known = learn_from_code(folders, list_applied(snapshot, schema))
        columns = [each for each in list_columns(snapshot) if not self._is_excluded(each)]
        chosen = _choose_by_code(columns, known)
        taken = {each for each, _, _ in chosen}
        chosen += _choose_by_values(snapshot, [each for each in columns if each not in taken], known)
        gathered = GatheredValues(len(chosen))
        self._gathered.append(gathered)
        gathered.gather(snapshot, [each for each, _, _ in chosen])
        self._asked[snapshot.name] = [each for each, _, _ in chosen], gathered
        for number, (column, label, sureness) in enumerate(chosen):
            self._fields.append(
                NamedField(
                    name=column.name,
                    label=label,
                    sureness=sureness,
                    read=lambda number=number: _leave_addresses_out(gathered, number),  # type: ignore[misc]
                )
            )

    def _is_excluded(self, column: TextColumn) -> bool:
        names = (column.name, f"{column.schema}.{column.table}.{column.column}")
        return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self._component.not_files)


def _choose_by_code(columns: Sequence[TextColumn], known: Knowledge) -> list[tuple[TextColumn, str, Sureness]]:
    by_place: dict[tuple[str, str], list[TextColumn]] = {}
    for each in columns:
        by_place.setdefault((each.table, each.column), []).append(each)
    chosen = []
    for field in known.fields:
        is_sure = field.verdict is Verdict.FILE and not field.has_own_storage
        for each in by_place.get((field.table, field.column), ()):  # one in each schema, where tenants have their own
            chosen.append((each, field.label, Sureness.CODE if is_sure else Sureness.CLASS_NAME))
    return chosen


def _choose_by_values(
    snapshot: Asked, columns: Sequence[TextColumn], known: Knowledge
) -> list[tuple[TextColumn, str, Sureness]]:
    """Choose columns of tables that the code says nothing of, by a sample of their values."""
    open_ones = [
        each
        for each in columns
        if each.is_varied
        and not known.covers(each.table)
        and not any(fnmatch.fnmatchcase(each.table, pattern) for pattern in _NO_FILES)
    ]
    samples = sample_values(snapshot, open_ones)
    return [
        (each, each.name, Sureness.VALUES)
        for each, values in zip(open_ones, samples, strict=True)
        if values and sum(bool(_LIKE_A_PATH.fullmatch(value)) for value in values) >= _ENOUGH * len(values)
    ]


def _leave_addresses_out(gathered: GatheredValues, number: int) -> Iterator[list[bytes]]:
    yield from ([value for value in values if not _ADDRESS.match(value)] for values in gathered.read(number))


def _list_places(loaded: Loaded) -> list[Place]:
    """Return where files may be: below each component of files, first where the settings of Django say."""
    media = _find_media(loaded)
    places = []
    for name, component in loaded.configuration.component.items():
        if not isinstance(component, Files) or component.vault is not None:
            continue
        root = find_root(name, component, loaded)
        is_here = not (component.inside or component.volume)
        known = [each for each in media if is_here and _is_below(each, root)]
        for each in known:
            places.append(Place(component=name, locate=NamedPaths(root, each).locate, is_known=True))
        for folder in _USUAL_FOLDERS:
            below = os.path.join(root, os.fsencode(folder)).rstrip(b"/")
            if below not in known and not (is_here and folder and not os.path.isdir(below)):
                places.append(Place(component=name, locate=NamedPaths(root, below).locate))
    return places


def _find_media(loaded: Loaded) -> list[bytes]:
    found = []
    variables = dict(os.environ)
    for folder in [loaded.root, *sorted(each for each in loaded.root.glob("*") if each.is_dir())]:
        manage = folder / "manage.py"
        if manage.is_file() and (media := read_django(manage, variables).media):
            found.append(os.fsencode(media))
    return found


def _is_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def _list_code(loaded: Loaded) -> list[str]:
    """Return the folders of this machine that may hold the application's code."""
    found = [str(loaded.root)]
    for component in loaded.configuration.component.values():
        if component.inside or component.volume:
            continue
        path = _path_of(component)
        if path:
            full = os.path.normpath(os.path.join(loaded.root, path))
            if os.path.isdir(full) and not any(full == each or full.startswith(each + "/") for each in found):
                found.append(full)
    return [each for each in found if each != "/"]


def _path_of(component: Component) -> str:
    if isinstance(component, Files | Versioned):
        return component.path or ""
    return os.path.dirname(component.manage) if isinstance(component, Django) else ""


def _list_trees(loaded: Loaded) -> set[str]:
    """Return folders that are no code: the vault, and what the settings call media."""
    found = {os.fsdecode(each) for each in _find_media(loaded)}
    vault = loaded.configuration.vault
    if vault is not None and isinstance(vault.url, str) and "://" not in vault.url:
        found.add(os.path.normpath(os.path.join(loaded.root, vault.url)))
    return found


def _not_asked(name: str, error: SourceError | OSError) -> Finding:
    reason = error if isinstance(error, SourceError) else error.strerror or str(error)
    return Finding(
        code="file-fields-not-asked",
        severity=Severity.WARNING,
        subject=name,
        template="Which files {component} names could not be asked: {reason}",
        hint_template="Run the backup again; or write file_fields = false under {component}, and none is looked up.",
        values={"component": name, "reason": reason},
    )
