"""Proving that a set holds the files that columns of a database name, and which columns these are."""

import enum
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from msgspec import Struct, field

from rebond.findings import Finding, Severity

MOST_LISTED = 10_000
PORTION = 100_000  # values that are looked up in one pass over what was saved
LIKELY_SHARE, PROBABLE_SHARE = 0.9, 0.5
FEWEST_LIKELY = 3

FindMissing = Callable[[str, Collection[bytes]], set[bytes] | None]
Report = Callable[[Finding], None]


class Sureness(enum.IntEnum):
    """Why a column is taken for one that names files."""

    VALUES = 1
    """Its values look like paths."""
    CLASS_NAME = 2
    """Its class of the application is called so, or keeps its files in a store of its own."""
    CODE = 3
    """The application's code says so."""


class Place(Struct, frozen=True, kw_only=True):
    """Where the files of columns may be: a component, and how a value becomes a path in its tree."""

    component: str
    locate: Callable[[bytes], bytes]
    is_known: bool = False


class NamedField(Struct, frozen=True, kw_only=True):
    """A column. ``read`` gives its values in portions, as often as it is called."""

    name: str
    label: str
    sureness: Sureness
    read: Callable[[], Iterable[list[bytes]]]


class FoundFields(Struct, frozen=True, kw_only=True):
    """What was found, with where the files may be. ``close`` forgets the values."""

    fields: Sequence[NamedField]
    places: Sequence[Place]
    close: Callable[[], None]


class _Looked(Struct, kw_only=True):
    """What came of a column in one place."""

    found: int = 0
    missing_count: int = 0
    missing: list[bytes] = field(default_factory=list)
    is_unknown: bool = False

    def share(self) -> float:
        total = self.found + self.missing_count
        return self.found / total if total else 0.0


class FieldProof(Struct, frozen=True, kw_only=True):
    """What came of all columns: which components lack something, what is to be told, by the component it is of."""

    degraded: frozenset[str]
    findings: tuple[tuple[str, Finding], ...]


def prove_fields(
    database: str,
    fields: Sequence[NamedField],
    places: Sequence[Place],
    find_missing: FindMissing,
    *,
    beside_ms: int = 0,
) -> FieldProof:
    """Look every value up in the places of this set; say what is missing.

    ``beside_ms`` is how far apart the looks were that gave the values, where there were two.
    """
    looked = _look_up(fields, places, find_missing)
    home = _find_home(fields, looked, places)
    findings: list[tuple[str, Finding]] = []
    degraded: set[str] = set()
    proven: list[str] = []
    count = 0
    for each, results in zip(fields, looked, strict=True):
        place, result = _choose(each, results, places, home)
        if result is None or not (result.found or result.missing_count or result.is_unknown):
            continue
        if result.is_unknown:
            findings.append((place.component, say_unknown(place.component, database)))
            degraded.add(place.component)
        elif _is_taken(each, result, place):
            proven.append(each.name)
            count += result.found
            findings += [
                (place.component, _missing(each, value, database, place, beside_ms)) for value in result.missing
            ]
            if result.missing_count:
                degraded.add(place.component)
        elif each.sureness is Sureness.CODE or result.share() >= PROBABLE_SHARE:
            findings.append((database, _doubtful(each, result, database, place)))
    if proven:
        findings.insert(0, (database, _looked_up(proven, count, database)))
    return FieldProof(degraded=frozenset(degraded), findings=tuple(findings))


def _look_up(fields: Sequence[NamedField], places: Sequence[Place], find_missing: FindMissing) -> list[list[_Looked]]:
    """Look up portions of all columns together: each look goes through all that a component holds."""
    looked = [[_Looked() for _ in places] for _ in fields]
    for portion in _portions(fields):
        paths = [[{place.locate(value) for value in values} for place in places] for _, values in portion]
        for component in {place.component for place in places}:
            own = [number for number, place in enumerate(places) if place.component == component]
            wanted = set().union(*(each[number] for each in paths for number in own))
            missing = find_missing(component, wanted)
            for (column, _), each in zip(portion, paths, strict=True):
                for number in own:
                    _count(looked[column][number], each[number], missing)
    return looked


def _portions(fields: Sequence[NamedField]) -> Iterator[list[tuple[int, list[bytes]]]]:
    portion: list[tuple[int, list[bytes]]] = []
    size = 0
    for number, each in enumerate(fields):
        for values in each.read():
            portion.append((number, values))
            size += len(values)
            if size >= PORTION:
                yield portion
                portion, size = [], 0
    if portion:
        yield portion


def _count(looked: _Looked, paths: set[bytes], missing: set[bytes] | None) -> None:
    if missing is None:
        looked.is_unknown = True
        return
    lacking = paths & missing
    looked.found += len(paths) - len(lacking)
    looked.missing_count += len(lacking)
    looked.missing += sorted(lacking)[: MOST_LISTED - len(looked.missing)]


def _find_home(fields: Sequence[NamedField], looked: Sequence[Sequence[_Looked]], places: Sequence[Place]) -> int:
    """Return the place of the application's files: where most of what the code names is, else where settings say."""
    sums = [
        sum(results[number].found for each, results in zip(fields, looked, strict=True) if each.sureness > 1)
        for number in range(len(places))
    ]
    best = max(range(len(places)), key=lambda number: (sums[number], places[number].is_known))
    return best if sums[best] or places[best].is_known else -1


def _choose(
    each: NamedField, results: Sequence[_Looked], places: Sequence[Place], home: int
) -> tuple[Place, _Looked | None]:
    if each.sureness is Sureness.CODE and home >= 0 and not any(every.found for every in results):
        return places[home], results[home]
    best = max(range(len(places)), key=lambda number: (results[number].found, number == home))
    return places[best], results[best]


def _is_taken(each: NamedField, result: _Looked, place: Place) -> bool:
    """Say whether what is missing counts: a column that only seems to name files must not spoil a set."""
    match each.sureness:
        case Sureness.CODE:
            return bool(result.found) or place.is_known
        case Sureness.CLASS_NAME:
            return bool(result.found) and result.share() >= PROBABLE_SHARE
    return result.found >= FEWEST_LIKELY and result.share() >= LIKELY_SHARE


def _missing(each: NamedField, path: bytes, database: str, place: Place, beside_ms: int) -> Finding:
    return Finding(
        code="named-file-missing",
        severity=Severity.WARNING,
        subject=path.decode(errors="surrogateescape"),
        template="{path} was named by {column} of {database} at its moment or within {beside_ms} ms of it, and the "
        "component {component} does not hold it."
        if beside_ms
        else "{path} is named by {column} of {database}, and the component {component} does not hold it.",
        hint_template="If it is gone from the application too, correct the row; if the column names no files, write "
        'not_files = ["{column}"] under {database}; else run the backup again.',
        values={
            "path": path.decode(errors="backslashreplace"),
            "column": each.name,
            "database": database,
            "component": place.component,
            **({"beside_ms": beside_ms} if beside_ms else {}),
        },
    )


def say_unknown(component: str, database: str) -> Finding:
    """It could not be looked up whether a component holds every file that a database names."""
    return Finding(
        code="named-files-unknown",
        severity=Severity.WARNING,
        subject=component,
        template="Whether {component} holds every file that {database} names could not be looked up.",
        hint_template="Free some space where REBOND_CACHE_DIR says, else below ~/.cache; then run the backup again.",
        values={"component": component, "database": database},
    )


def _doubtful(each: NamedField, result: _Looked, database: str, place: Place) -> Finding:
    """A column of the code whose files are nowhere is a warning; one that only might name files is a note."""
    is_of_code = each.sureness is Sureness.CODE
    return Finding(
        code="file-field-doubtful",
        severity=Severity.WARNING if is_of_code else Severity.NOTE,
        subject=each.name,
        template="{column} of {database} names files ({label}), and none of its {total} is in a component of this set."
        if is_of_code
        else "{column} of {database} seems to name files: {found} of its {total} are in {component}.",
        hint_template="Save them by a component of kind 'files'; or write not_files = [\"{column}\"] under {database}, "
        "if they are kept elsewhere."
        if is_of_code
        else 'If it does, write references = [{{ sql = …, component = "{component}" }}] under {database}; else '
        'not_files = ["{column}"].',
        values={
            "column": each.name,
            "label": each.label,
            "database": database,
            "component": place.component,
            "found": result.found,
            "total": result.found + result.missing_count,
        },
    )


def _looked_up(columns: Sequence[str], count: int, database: str) -> Finding:
    return Finding(
        code="file-fields-found",
        severity=Severity.NOTE,
        subject=database,
        template="{count} files that {columns} of {database} name are in this set.",
        values={"count": count, "columns": ", ".join(columns), "database": database},
    )
