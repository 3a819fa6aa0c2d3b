"""Messages as data: a template in English and the values that fill it.

The lower layers never choose a language. They raise and report *templates* with named values
(``"{path} is not a directory"``), and the front end looks the template up in the reader's
language before it fills the values in. A test collects every template of the product and fails
when a translation is missing.
"""

import re
from collections.abc import Mapping

# What follows a number that is one, where templates write it for many; the longest fitting one counts.
_ONE = {
    "bytes came": "byte came",
    "bytes": "byte",
    "changes": "change",
    "components cannot": "component cannot",
    "components": "component",
    "directories are": "directory is",
    "directories": "directory",
    "extended attributes": "extended attribute",
    "files are not as they were": "file is not as it was",
    "files are": "file is",
    "files or directories": "file or directory",
    "files were there already and were left as they are": "file was there already and was left as it is",
    "files": "file",
    "lines": "line",
    "members": "member",
    "objects": "object",
    "other files were": "other file was",
    "packs": "pack",
    "problems were": "problem was",
    "problems": "problem",
    "rows came": "row came",
    "rows were": "row was",
    "rows": "row",
    "running backups began": "running backup began",
    "seconds": "second",
    "segments": "segment",
    "slots": "slot",
    "snapshots are gone": "snapshot is gone",
    "snapshots hold it": "snapshot holds it",
    "snapshots will have been": "snapshot will have been",
    "snapshots": "snapshot",
    "steps that": "step that",
    "tables": "table",
    "things need": "thing needs",
}
_ONE_FRENCH = {  # and where it is none; what both languages write alike is above
    "changements": "changement",
    "composants": "composant",
    "dossiers": "dossier",
    "étapes dont": "étape dont",
    "fichiers ou dossiers": "fichier ou dossier",
    "fichiers ne sont pas comme ils ont été sauvegardés": "fichier n'est pas comme il a été sauvegardé",
    "fichiers sont entiers": "fichier est entier",
    "fichiers": "fichier",
    "lignes": "ligne",
    "membres": "membre",
    "objets": "objet",
    "octets": "octet",
    "paquets": "paquet",
    "problèmes ont été remarqués": "problème a été remarqué",
    "problèmes": "problème",
    "sauvegardes le contiennent": "sauvegarde le contient",
    "sauvegardes": "sauvegarde",
    "secondes": "seconde",
}


def _compile(words: Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\{{(?P<name>\w+)\}} (?P<many>{'|'.join(map(re.escape, longest_first))})\b")


_SPAN_OF_DAYS = re.compile(r"\d+ d(?: \d+ h)?")  # as ``units.format_span`` writes it
_COUNTED = _compile({**_ONE, **_ONE_FRENCH})


class Phrase(str):
    """A value that is words of ours, to be said in the reader's language too."""

    __slots__ = ()


def is_span_of_days(value: object) -> bool:
    """Say whether a value is a length of time that has days in it, which each language calls by a letter of its own."""
    return isinstance(value, str) and _SPAN_OF_DAYS.fullmatch(value) is not None


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return ``template`` with its ``{named}`` places filled in; what is counted is one where the number is.

    A template without values is returned as it is, so that braces in plain sentences do no harm.
    """
    if not values:
        return template
    if any(type(each) is int and 0 <= each <= 1 for each in values.values()):
        template = _COUNTED.sub(lambda found: _agree(found, values), template)
    return template.format_map(values)


def _agree(found: re.Match[str], values: Mapping[str, object]) -> str:
    number, many = values.get(found["name"]), found["many"]
    if type(number) is not int or number not in {0, 1}:
        return found[0]
    one = _ONE_FRENCH.get(many) or (_ONE.get(many) if number == 1 else None)
    return f"{{{found['name']}}} {one}" if one else found[0]
