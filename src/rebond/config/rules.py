"""What a configuration has to fulfil as a whole: names lead somewhere, nothing is forgotten, no secret written out."""

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rebond.config.classes import EVERYWHERE, KEEP_KEYS, BackupClass
from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Mysql, Postgres, Secrets, Sqlite
from rebond.config.model import Configuration
from rebond.config.places import Node, Problems, find_nearest
from rebond.config.reaching import warn_of_unreachable
from rebond.errors import ConfigError

SCENARIOS = ("lost-service", "corrupted-data", "lost-server", "security-breach")
MAIN_VAULT = "vault"
SHORTEST_LOOK_SECONDS = 10
PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#:@]*:(?![$*]|%[sd])[^\s/?#@]+@", re.IGNORECASE)


def judge(configuration: Configuration, root: Node, problems: Problems, spoilt: set[str]) -> None:
    """Report everything that no single value shows."""
    _Judge(configuration, root, problems, spoilt).judge()


class _Judge:
    """Compares the parts of a configuration with one another."""

    def __init__(self, configuration: Configuration, root: Node, problems: Problems, spoilt: set[str]) -> None:
        self._all = configuration
        self._root = root
        self._problems = problems
        self._spoilt = spoilt
        self._components = _names(root, "component")
        self._classes = _names(root, "class")
        self._vaults = _names(root, "vaults")

    def judge(self) -> None:
        self._judge_passwords_in_urls()
        self._judge_stack()
        self._judge_places()
        for name, component in self._all.component.items():
            self._judge_component(name, component)
        self._judge_classes()
        self._judge_membership()
        self._judge_names_elsewhere()
        self._judge_questions()
        warn_of_unreachable(self._all, self._root, self._problems)

    def _judge_passwords_in_urls(self) -> None:
        for node in self._root.walk():
            if isinstance(node.value, str) and PASSWORD_IN_URL.search(node.value):
                self._problems.refuse(
                    node.place,
                    ConfigError(
                        "The address in '{key}' has a password in it.",
                        hint='Take the password out into password = {{ file = "…" }} where there is such a key, or the '
                        'whole address: {name} = {{ file = "…" }}. Then change the password: it was readable here.',
                        key=node.path,
                        name=node.path.rpartition(".")[2].partition("[")[0],
                    ),
                )

    def _judge_stack(self) -> None:
        zone = self._all.stack.timezone
        if zone:
            try:
                ZoneInfo(zone)
            except (ValueError, OSError, ZoneInfoNotFoundError):
                self._refuse_zone(zone)

    def _refuse_zone(self, zone: str) -> None:
        from zoneinfo import available_timezones  # noqa: PLC0415 - reads hundreds of files, for this one message

        nearest = find_nearest(zone, available_timezones()) or "Europe/Paris"
        self._problems.refuse(
            self._root.find("stack", "timezone").place,
            ConfigError(
                "There is no time zone '{zone}'.", hint="Did you mean '{nearest}'?", zone=zone, nearest=nearest
            ),
        )

    def _judge_places(self) -> None:
        """Vaults and replicas: each name once, and none that `keep` would mistake."""
        seen = {MAIN_VAULT, *self._vaults}
        for name in self._vaults:
            if name == MAIN_VAULT or name in KEEP_KEYS:
                self._refuse_place(self._root.find("vaults", name), name)
        for number, replica in enumerate(self._all.replica):
            node = self._root.find("replica", number, "name")
            if replica.name in seen or replica.name in KEEP_KEYS:
                self._refuse_place(node, replica.name)
            seen.add(replica.name)

    def _refuse_place(self, node: Node, name: str) -> None:
        self._problems.refuse(
            node.place,
            ConfigError(
                "'{name}' is the name of another place or a word of 'keep'.", hint="Choose another name.", name=name
            ),
        )

    def _judge_component(self, name: str, component: Component) -> None:
        node = self._root.find("component", name)
        if component.vault is not None:
            self._require_known(node.find("vault"), component.vault, self._vaults)
        if component.inside and component.volume:
            self._refuse_pair(node, "in", "volume")
        if isinstance(component, Files | Sqlite | Secrets):
            if component.path and component.paths:
                self._refuse_pair(node, "path", "paths")
            is_elsewhere = isinstance(component, Secrets) and (component.kubernetes or component.hashicorp)
            is_volume = isinstance(component, Files) and component.volume  # all of it
            if not (component.path or component.paths or is_volume or is_elsewhere):
                self._require_path(node)
        if isinstance(component, Sqlite | Postgres):
            for each in node.find("references").items:
                if "component" in each.members:
                    self._require_files(each.members["component"])
        if isinstance(component, Postgres | Mysql) and component.database and component.databases:
            self._refuse_pair(node, "database", "databases")
        if isinstance(component, Postgres) and component.data_directory and not component.wal:
            self._problems.refuse(
                node.find("data_directory").place,
                ConfigError(
                    "'{key}' needs the write-ahead log in the vault: what is read meanwhile is mended by it.",
                    hint='Add wal = "archive-command" or "receive", or take data_directory out.',
                    key=node.find("data_directory").path,
                ),
            )
        if isinstance(component, Postgres) and component.method != "physical":
            for word in ("wal", "window", "data_directory", "manifest_sums"):
                if word in node.members:
                    self._problems.refuse(
                        node.find(word).place,
                        ConfigError(
                            "'{key}' needs the physical method.",
                            hint='Add method = "physical", or take {word} out.',
                            key=node.find(word).path,
                            word=word,
                        ),
                    )

    def _require_files(self, node: Node) -> None:
        """A database can name files of a component of files only."""
        self._require_known(node, node.value, self._components)
        named = self._all.component.get(str(node.value))
        if named is not None and not isinstance(named, Files):
            self._problems.refuse(
                node.place,
                ConfigError(
                    "'{key}' has to be a component of files, and {component} is of the kind {kind}.",
                    hint="Name the component that holds the files.",
                    key=node.path,
                    component=str(node.value),
                    kind=named.kind,
                ),
            )

    def _require_path(self, node: Node) -> None:
        if not {f"{node.path}.path", f"{node.path}.paths"} & self._spoilt and node.path not in self._spoilt:
            self._problems.refuse(
                node.place,
                ConfigError("'{key}' does not say what it saves.", hint='Add path = "…".', key=node.path),
            )

    def _refuse_pair(self, node: Node, first: str, second: str) -> None:
        self._problems.refuse(
            node.find(second).place,
            ConfigError(
                "'{key}' has both {first} and {second}.",
                hint="Keep one of the two.",
                key=node.path,
                first=first,
                second=second,
            ),
        )

    def _judge_classes(self) -> None:
        places = [MAIN_VAULT, *(each.name for each in self._all.replica), *self._vaults]
        for name, class_ in self._all.classes.items():
            node = self._root.find("class", name)
            if class_.schedule and class_.trigger:
                self._refuse_pair(node, "schedule", "trigger")
            self._judge_look(node, class_)
            if not ({"schedule", "trigger"} & set(node.members)) and node.path not in self._spoilt:
                self._problems.refuse(
                    node.place,
                    ConfigError(
                        "'{key}' does not say when.",
                        hint='Add schedule = "0 3 * * *", or trigger = "manual".',
                        key=node.path,
                    ),
                )
            if not class_.takes_all:
                for each in node.find("components").items:
                    self._require_known(each, each.value, self._components)
            for place in class_.keep:
                if place != EVERYWHERE:
                    self._require_known(node.find("keep", place), place, places)
            for number, export in enumerate(class_.export):
                self._require_known(node.find("export", number, "component"), export.component, self._components)
            if class_.drill and class_.drill.scenario:
                self._require_known(node.find("drill", "scenario"), class_.drill.scenario, self._scenarios())

    def _judge_look(self, node: Node, class_: BackupClass) -> None:
        """Looking costs a run: not more often than every ten seconds, and only where a change is waited for."""
        if class_.look is None:
            return
        if class_.trigger != "change":
            self._problems.refuse(
                node.find("look").place,
                ConfigError(
                    "'{key}' needs the trigger \"change\".",
                    hint='Add trigger = "change", or take {word} out.',
                    key=node.find("look").path,
                    word="look",
                ),
            )
        elif class_.look < SHORTEST_LOOK_SECONDS:
            self._problems.refuse(
                node.find("look").place,
                ConfigError(
                    "'{key}' is less than {count} seconds, and each look is a run.",
                    hint='Write look = "{count}s" or more. Files of this machine are looked at every second anyway.',
                    key=node.find("look").path,
                    count=SHORTEST_LOOK_SECONDS,
                ),
            )

    def _scenarios(self) -> list[str]:
        return [*_names(self._root, "objective"), *(each for each in SCENARIOS if each not in self._all.objective)]

    def _judge_membership(self) -> None:
        """A component in no class is saved by nobody. Without any class everything is saved by hand."""
        classes = self._root.find("class")
        if not self._classes or any(each == "class" or each.startswith("class.") for each in self._spoilt):
            return
        members = {name for class_ in self._all.classes.values() for name in class_.components}
        if any(each.takes_all for each in self._all.classes.values()):
            return
        for name, component in self._all.component.items():
            if name not in members and not isinstance(component, NOTHING_TO_SAVE):
                self._problems.refuse(
                    self._root.find("component", name).place,
                    ConfigError(
                        "The component {component} is in no class, so nothing saves it.",
                        hint="Add it to 'components' of one of: {known}.",
                        component=name,
                        known=", ".join(classes.members),
                    ),
                )

    def _judge_names_elsewhere(self) -> None:
        """Whatever else names a class, a scenario or a component."""
        for moment in ("before", "after"):
            for step in self._root.find("hooks", moment).items:
                self._require_all(step, "for", self._classes)
        for event in ("started", "success", "warning", "failure"):
            for receiver in self._root.find("notify", event).items:
                self._require_all(receiver, "for", self._classes)
        for stage in ("isolate", "stop", "rebuild", "start"):
            for step in self._root.find("restore", stage).items:
                self._require_all(step, "for", self._scenarios())
        for check in self._root.find("drill", "checks").items:
            if "component" in check.members:
                node = check.members["component"]
                self._require_known(node, node.value, self._components)

    def _judge_questions(self) -> None:
        """A probe asks one thing; a check too."""
        asked = [
            *((each, ("run", "url")) for each in self._root.find("restore", "healthy").items),
            *((each, ("run", "url", "sql")) for each in self._root.find("drill", "checks").items),
        ]
        for node, words in asked:
            if node.path not in self._spoilt and sum(word in node.members for word in words) != 1:
                self._problems.refuse(
                    node.place,
                    ConfigError(
                        "'{key}' has to ask exactly one thing.",
                        hint="Give one of: {words}.",
                        key=node.path,
                        words=", ".join(words),
                    ),
                )

    def _require_all(self, node: Node, word: str, known: Iterable[str]) -> None:
        for each in node.find(word).items if word in node.members else ():
            self._require_known(each, each.value, known)

    def _require_known(self, node: Node, name: object, known: Iterable[str]) -> None:
        names = list(known)
        if not isinstance(name, str) or name in names:
            return
        nearest = find_nearest(name, names)
        if nearest:
            problem = ConfigError(
                "'{key}' names '{name}', which is nowhere.",
                hint="Did you mean '{nearest}'?",
                key=node.path,
                name=name,
                nearest=nearest,
            )
        else:
            problem = ConfigError(
                "'{key}' names '{name}', which is nowhere.",
                hint="There are: {known}.",
                key=node.path,
                name=name,
                known=", ".join(names) or "–",
            )
        self._problems.refuse(node.place, problem)


def _names(root: Node, table: str) -> list[str]:
    return list(root.members[table].members) if table in root.members else []
