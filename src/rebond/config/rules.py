"""What a configuration has to fulfil as a whole: names lead somewhere, nothing is forgotten, no secret written out."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rebond.config.classes import EVERYWHERE, KEEP_KEYS, BackupClass
from rebond.config.component_rules import judge_components
from rebond.config.components import NOTHING_TO_SAVE
from rebond.config.export_rules import judge_exports
from rebond.config.judging import Judging
from rebond.config.model import Configuration
from rebond.config.places import Node, Problems, find_nearest
from rebond.config.reaching import warn_of_unreachable
from rebond.config.vault_rules import judge_vaults
from rebond.errors import ConfigError

SCENARIOS = ("lost-service", "corrupted-data", "lost-server", "security-breach")
MAIN_VAULT = "vault"
SHORTEST_LOOK_SECONDS = 10
PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#:@]*:(?![$*]|%[sd])[^\s/?#@]+@", re.IGNORECASE)


def judge(configuration: Configuration, root: Node, problems: Problems, spoilt: set[str]) -> None:
    """Report everything that no single value shows."""
    _Judge(configuration, root, problems, spoilt).judge()


class _Judge(Judging):
    """Compares the parts of a configuration with one another."""

    def __init__(self, configuration: Configuration, root: Node, problems: Problems, spoilt: set[str]) -> None:
        super().__init__(root, problems, spoilt)
        self._all = configuration

    def judge(self) -> None:
        self._judge_passwords_in_urls()
        self._judge_stack()
        self._judge_places()
        judge_vaults(self, self._all)
        judge_components(self, self._all.component)
        self._judge_classes()
        self._judge_membership()
        self._judge_names_elsewhere()
        self._judge_questions()
        warn_of_unreachable(self._all, self.root, self.problems)

    def _judge_passwords_in_urls(self) -> None:
        for node in self.root.walk():
            if isinstance(node.value, str) and PASSWORD_IN_URL.search(node.value):
                self.refuse(
                    node,
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
        self.refuse(
            self.root.find("stack", "timezone"),
            ConfigError(
                "There is no time zone '{zone}'.", hint="Did you mean '{nearest}'?", zone=zone, nearest=nearest
            ),
        )

    def _judge_places(self) -> None:
        """Vaults and replicas: each name once, and none that `keep` would mistake."""
        seen = {MAIN_VAULT, *self.vaults}
        for name in self.vaults:
            if name == MAIN_VAULT or name in KEEP_KEYS:
                self._refuse_place(self.root.find("vaults", name), name)
        for number, replica in enumerate(self._all.replica):
            node = self.root.find("replica", number, "name")
            if replica.name in seen or replica.name in KEEP_KEYS:
                self._refuse_place(node, replica.name)
            seen.add(replica.name)

    def _refuse_place(self, node: Node, name: str) -> None:
        self.refuse(
            node,
            ConfigError(
                "'{name}' is the name of another place or a word of 'keep'.", hint="Choose another name.", name=name
            ),
        )

    def _judge_classes(self) -> None:
        places = [MAIN_VAULT, *(each.name for each in self._all.replica), *self.vaults]
        for name, class_ in self._all.classes.items():
            node = self.root.find("class", name)
            if class_.schedule and class_.trigger:
                self.refuse_pair(node, "schedule", "trigger")
            self._judge_look(node, class_)
            if not ({"schedule", "trigger"} & set(node.members)) and node.path not in self.spoilt:
                self.refuse(
                    node,
                    ConfigError(
                        "'{key}' does not say when.",
                        hint='Add schedule = "0 3 * * *", or trigger = "manual".',
                        key=node.path,
                    ),
                )
            if not class_.takes_all:
                for each in node.find("components").items:
                    self.require_known(each, each.value, self.components)
            for place in class_.keep:
                if place != EVERYWHERE:
                    self.require_known(node.find("keep", place), place, places)
            if class_.drill and class_.drill.scenario:
                self.require_known(node.find("drill", "scenario"), class_.drill.scenario, self._scenarios())
        judge_exports(self, self._all.classes)

    def _judge_look(self, node: Node, class_: BackupClass) -> None:
        """Looking costs a run: not more often than every ten seconds, and only where a change is waited for."""
        if class_.look is None:
            return
        if class_.trigger != "change":
            self.refuse(
                node.find("look"),
                ConfigError(
                    "'{key}' needs the trigger \"change\".",
                    hint='Add trigger = "change", or take {word} out.',
                    key=node.find("look").path,
                    word="look",
                ),
            )
        elif class_.look < SHORTEST_LOOK_SECONDS:
            self.refuse(
                node.find("look"),
                ConfigError(
                    "'{key}' is less than {count} seconds, and each look is a run.",
                    hint='Write look = "{count}s" or more. Files of this machine are looked at every second anyway.',
                    key=node.find("look").path,
                    count=SHORTEST_LOOK_SECONDS,
                ),
            )

    def _scenarios(self) -> list[str]:
        return [*self._names("objective"), *(each for each in SCENARIOS if each not in self._all.objective)]

    def _judge_membership(self) -> None:
        """A component in no class is saved by nobody. Without any class everything is saved by hand."""
        classes = self.root.find("class")
        if not self.classes or any(each == "class" or each.startswith("class.") for each in self.spoilt):
            return
        members = {name for class_ in self._all.classes.values() for name in class_.components}
        if any(each.takes_all for each in self._all.classes.values()):
            return
        for name, component in self._all.component.items():
            if name not in members and not isinstance(component, NOTHING_TO_SAVE):
                self.refuse(
                    self.root.find("component", name),
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
            for step in self.root.find("hooks", moment).items:
                self.require_all(step, "for", self.classes)
        for event in ("started", "success", "warning", "failure"):
            for receiver in self.root.find("notify", event).items:
                self.require_all(receiver, "for", self.classes)
        for stage in ("isolate", "stop", "rebuild", "start"):
            for step in self.root.find("restore", stage).items:
                self.require_all(step, "for", self._scenarios())
        for check in self.root.find("drill", "checks").items:
            if "component" in check.members:
                node = check.members["component"]
                self.require_known(node, node.value, self.components)

    def _judge_questions(self) -> None:
        """A probe asks one thing; a check too."""
        asked = [
            *((each, ("run", "url")) for each in self.root.find("restore", "healthy").items),
            *((each, ("run", "url", "sql")) for each in self.root.find("drill", "checks").items),
        ]
        for node, words in asked:
            if node.path not in self.spoilt and sum(word in node.members for word in words) != 1:
                self.refuse(
                    node,
                    ConfigError(
                        "'{key}' has to ask exactly one thing.",
                        hint="Give one of: {words}.",
                        key=node.path,
                        words=", ".join(words),
                    ),
                )
