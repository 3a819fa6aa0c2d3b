"""After a breach: every secret that has to be changed, and where it is used. Their values are in no word of it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.config.model import Loaded
from rebond.config.references import FromCommand, FromEnvironment, FromFile, FromHashicorp, FromKeyring
from rebond.logs.masking import looks_secret
from rebond.operations.restore_findings import show_bytes

_MOST_FILES = 20_000  # that are searched for the names of variables
_MOST_BYTES = 512_000  # of each
_MOST_PLACES = 8  # that are named of each secret
_ONLY_SPEAK_OF_FILES = ("ignore", ".md", "rebond.toml")
_BY_VARIABLE, _BY_FILE_NAME = rb"\b(%b)\b", rb"(?<![\w.-])(%b)(?![\w.-])"
_VARIABLE = re.compile(rb"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*\S", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedSecret:
    """One secret: what it is called, where it is kept, where it is used."""

    name: str
    kept_in: str
    used_in: tuple[str, ...]


def list_secrets(
    loaded: Loaded | None,
    secrets: Mapping[str, tuple[Path, Sequence[Path]]],
    root: Path,
    later: Mapping[str, bytes] | None = None,
) -> tuple[ExposedSecret, ...]:
    """Return what whoever read the stack has read: variables, key files, and what the configuration refers to.

    ``secrets`` are where the trees of components of secrets were put, with their files; ``root`` is the restored stack.
    ``later`` are the files of secrets that came since, by component and path: what stands in them was there to be read.
    """
    found: dict[tuple[str, str], ExposedSecret] = {}
    variables: dict[str, str] = {}
    kept = {
        f"{component}/{path.relative_to(folder)}": _read_names(path)
        for component, (folder, files) in secrets.items()
        for path in files
    }
    for shown, content in (later or {}).items():
        kept[shown] = [*kept.get(shown, ()), *_find_names(content)]
    named = _find_uses(root, {Path(shown).name: shown for shown in kept}, by=_BY_FILE_NAME)
    for shown, names in kept.items():
        variables |= dict.fromkeys(names, shown)
        if not names:
            name = Path(shown).name
            used_in = tuple(named.get(name, ())[:_MOST_PLACES])
            found[name, shown] = ExposedSecret(name=name, kept_in=shown, used_in=used_in)
    used = _find_uses(root, variables, by=_BY_VARIABLE)
    referred = dict(_list_references(loaded)) if loaded is not None else {}
    for name, shown in variables.items():
        places = [*used.get(name, ()), *(place for place, key in referred.items() if key == name)]
        # Whoever takes the whole file (env_file, dotenv) names none of its variables.
        places += [each for each in named.get(Path(shown).name, ()) if each not in places]
        found[name, shown] = ExposedSecret(name=name, kept_in=shown, used_in=tuple(places[:_MOST_PLACES]))
    for place, key in referred.items():
        if key not in variables:
            found[key, place] = ExposedSecret(name=key, kept_in=key, used_in=(place,))
    return tuple(found[each] for each in sorted(found))


def _walk(folder: Path) -> Iterator[Path]:
    for top, names, files in os.walk(folder):
        names.sort()
        yield from (Path(top, name) for name in sorted(files))


def _read_names(path: Path) -> list[str]:
    """Return the variables that a file sets; none for one that is a secret as a whole."""
    try:
        return _find_names(path.read_bytes())
    except OSError:
        return []


def _find_names(content: bytes) -> list[str]:
    content = content[:_MOST_BYTES]
    return [each.decode() for each in _VARIABLE.findall(content)] if b"-----BEGIN" not in content else []


def _find_uses(root: Path, kept_in: Mapping[str, str], *, by: bytes) -> dict[str, list[str]]:
    """Return the files of the restored stack in which each name stands, but for where it is kept itself.

    ``by`` is the expression that a name stands in. What leaves a file out, or describes it, does not use it.
    """
    if not kept_in:
        return {}
    pattern = re.compile(by % b"|".join(re.escape(os.fsencode(each)) for each in kept_in))
    used: dict[str, list[str]] = {}
    for count, path in enumerate(_walk(root)):
        if count >= _MOST_FILES:
            break
        try:
            if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
                continue
            content = path.read_bytes()
        except OSError:  # a socket, or something that was never a file
            continue
        if b"\0" in content[:1024] or (by is _BY_FILE_NAME and path.name.endswith(_ONLY_SPEAK_OF_FILES)):
            continue
        for name in {os.fsdecode(each) for each in pattern.findall(content)}:
            shown = show_bytes(os.fsencode(path.relative_to(root)))
            if not kept_in[name].endswith(f"/{shown}"):
                used.setdefault(name, []).append(shown)
    return used


def _list_references(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Yield where the configuration refers to a secret, and what it refers to.

    A variable counts when its name says that it holds one: names and addresses may stand in variables too.
    """
    for place, reference, is_variable in _search(loaded.configuration, ""):
        if not is_variable or looks_secret(reference):
            yield place, reference


def _search(value: object, place: str) -> Iterator[tuple[str, str, bool]]:
    if isinstance(value, FromEnvironment):
        yield place, value.env, True
    elif isinstance(value, FromFile):
        yield place, value.file, False
    elif isinstance(value, FromKeyring):
        yield place, value.keyring, False
    elif isinstance(value, FromHashicorp):
        yield place, value.hashicorp, False
    elif isinstance(value, FromCommand):
        yield place, value.command, False
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _search(below, f"{place}.{name}" if place else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for number, below in enumerate(value, 1):
            yield from _search(below, f"{place}[{number}]")
    else:
        for name in _fields_of(value):
            yield from _search(getattr(value, name), f"{place}.{name}" if place else name)


def _fields_of(value: object) -> tuple[str, ...]:
    fields = getattr(type(value), "__dataclass_fields__", None) or getattr(type(value), "__struct_fields__", None)
    return tuple(fields) if fields is not None else ()
