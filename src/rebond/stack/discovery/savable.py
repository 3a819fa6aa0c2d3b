"""Whether this version can save a component, asked of what plans a backup: there is one answer to it."""

from rebond.config.components import COMPONENT, NOTHING_TO_SAVE, Component
from rebond.config.places import Node, Place, Problems
from rebond.config.shapes import Reading, Unfit
from rebond.stack.discovery.proposal import Lines
from rebond.stack.planning import find_obstacle


def is_savable(name: str, lines: Lines) -> bool:
    """Say whether a component of these lines is understood, and can be saved or need not be."""
    component = read_component(lines)
    if component is None:
        return False
    return isinstance(component, NOTHING_TO_SAVE) or find_obstacle(name, component) is None


def read_component(lines: Lines) -> Component | None:
    """Return the component that these lines make; ``None`` when something is wrong with them."""
    problems = Problems()
    try:
        component = COMPONENT.read(_node(dict(lines), "component"), Reading(variables={}, problems=problems))
    except Unfit:
        return None
    return component if not problems.found else None


def _node(value: object, path: str) -> Node:
    place = Place("")
    if isinstance(value, dict):
        members = {str(key): _node(each, f"{path}.{key}") for key, each in value.items()}
        return Node(value=members, place=place, path=path)
    if isinstance(value, list | tuple):
        items = [_node(each, f"{path}[{number}]") for number, each in enumerate(value, 1)]
        return Node(value=items, place=place, path=path)
    return Node(value=value, place=place, path=path)
