"""What each component has to fulfil beyond its single values; one rule, one function."""

from collections.abc import Callable, Mapping

from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Mysql, Postgres, Secrets, Sqlite
from rebond.config.judging import Judging
from rebond.config.places import Node
from rebond.errors import ConfigError

Components = Mapping[str, Component]
Rule = Callable[[Judging, Node, Component, Components], None]
_OF_THE_PHYSICAL_METHOD = ("wal", "window", "data_directory", "manifest_sums")


def judge_components(judging: Judging, components: Components) -> None:
    """Report whatever is wrong with any of them."""
    for name, component in components.items():
        node = judging.root.find("component", name)
        for rule in RULES:
            rule(judging, node, component, components)


def _require_vault(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if component.vault is not None:
        judging.require_known(node.find("vault"), component.vault, judging.vaults)


def _refuse_two_surroundings(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if component.inside and component.volume:
        judging.refuse_pair(node, "in", "volume")


def _require_one_place(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    """What is read by its path has one, or several: unless it is all of a volume, or lies in no file."""
    if not isinstance(component, Files | Sqlite | Secrets):
        return
    if component.path and component.paths:
        judging.refuse_pair(node, "path", "paths")
    is_elsewhere = isinstance(component, Secrets) and (component.kubernetes or component.hashicorp)
    is_whole_volume = isinstance(component, Files) and component.volume
    if component.path or component.paths or is_whole_volume or is_elsewhere:
        return
    if not {f"{node.path}.path", f"{node.path}.paths", node.path} & judging.spoilt:
        judging.refuse(node, ConfigError("'{key}' does not say what it saves.", hint='Add path = "…".', key=node.path))


def _refuse_expectations_of_nothing(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if component.expect is None or not isinstance(component, NOTHING_TO_SAVE):
        return
    judging.refuse(
        node.find("expect"),
        ConfigError(
            "'{key}' judges nothing: of a component of kind '{kind}' nothing is saved.",
            hint="Take it out, or make this a component of a kind that is saved.",
            key=node.find("expect").path,
            kind=component.kind,
        ),
    )


def _require_files_to_name(judging: Judging, node: Node, component: Component, others: Components) -> None:
    """A database can name files of a component of files only."""
    if not isinstance(component, Sqlite | Postgres):
        return
    for reference in node.find("references").items:
        if "component" not in reference.members:
            continue
        named = reference.members["component"]
        judging.require_known(named, named.value, judging.components)
        other = others.get(str(named.value))
        if other is not None and not isinstance(other, Files):
            judging.refuse(
                named,
                ConfigError(
                    "'{key}' has to be a component of files, and {component} is of the kind {kind}.",
                    hint="Name the component that holds the files.",
                    key=named.path,
                    component=str(named.value),
                    kind=other.kind,
                ),
            )


def _refuse_two_ways_to_name_databases(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if isinstance(component, Postgres | Mysql) and component.database and component.databases:
        judging.refuse_pair(node, "database", "databases")


def _require_log_for_directory(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if isinstance(component, Postgres) and component.data_directory and not component.wal:
        judging.refuse(
            node.find("data_directory"),
            ConfigError(
                "'{key}' needs the write-ahead log in the vault: what is read meanwhile is mended by it.",
                hint='Add wal = "archive-command" or "receive", or take data_directory out.',
                key=node.find("data_directory").path,
            ),
        )


def _require_physical_method(judging: Judging, node: Node, component: Component, _others: Components) -> None:
    if not isinstance(component, Postgres) or component.method == "physical":
        return
    for word in _OF_THE_PHYSICAL_METHOD:
        if word in node.members:
            judging.refuse(
                node.find(word),
                ConfigError(
                    "'{key}' needs the physical method.",
                    hint='Add method = "physical", or take {word} out.',
                    key=node.find(word).path,
                    word=word,
                ),
            )


RULES: tuple[Rule, ...] = (
    _require_vault,
    _refuse_two_surroundings,
    _require_one_place,
    _refuse_expectations_of_nothing,
    _require_files_to_name,
    _refuse_two_ways_to_name_databases,
    _require_log_for_directory,
    _require_physical_method,
)
