"""What holds for the exports of all classes: each has something to export, no two write files of the same names."""

import os
from collections.abc import Mapping

from rebond.config.classes import BackupClass, Export
from rebond.config.judging import Judging
from rebond.errors import ConfigError

_OF_DATABASES = ("sql.gz", "dump")
_DATABASES = "db_backup"


def judge_exports(judging: Judging, classes: Mapping[str, BackupClass]) -> None:
    """Report names that lead nowhere, and exports whose files would get in the way of another's."""
    seen: dict[tuple[str, str, str], tuple[str, str, Export]] = {}
    for name, class_ in classes.items():
        for number, export in enumerate(class_.export):
            node = judging.root.find("class", name, "export", number)
            judging.require_known(node.find("component"), export.component, judging.components)
            if export.component in judging.components and not _saves(class_, export.component):
                judging.refuse(
                    node.find("component"),
                    ConfigError(
                        "'{key}' names {component}, which this class does not save: there is nothing to export.",
                        hint="Add it to 'components' of the class, or export it where it is saved.",
                        key=node.find("component").path,
                        component=export.component,
                    ),
                )
            first_class, first_path, first = seen.setdefault(_names_of(export), (name, node.path, export))
            if first is export:
                continue
            is_same = (first.component, first.keep) == (export.component, export.keep)
            if first_class == name or not is_same:
                judging.refuse(
                    node,
                    ConfigError(
                        "'{key}' writes files of the same names as '{other}', into the same folder: one takes the "
                        "other's away.",
                        hint="Give each a folder of its own.",
                        key=node.path,
                        other=first_path,
                    ),
                )


def _saves(class_: BackupClass, component: str) -> bool:
    return class_.takes_all or component in class_.components


def _names_of(export: Export) -> tuple[str, str, str]:
    """Return what the names of its files have in common: the folder, how they begin, how they end."""
    begin = _DATABASES if export.format in _OF_DATABASES else export.component
    return os.path.normpath(os.path.expanduser(export.to)), begin, f"{export.format} {export.encrypt or ''}"
