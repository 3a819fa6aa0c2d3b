"""Words of a page changed wherever they stand, before a form of page makes them harmless and so changes them too."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rebond.pages.blocks import Page
from rebond.pages.words import Sentence

Change = Callable[[str], str]


def reword(page: Page, change: Change) -> Page:
    """Return a page whose values, commands and outputs went through ``change``; templates are ours and stay."""
    return replace(page, title=_reword(page.title, change), blocks=tuple(_reword(each, change) for each in page.blocks))


def _reword(thing: Any, change: Change) -> Any:
    match thing:
        case str():
            return change(thing)
        case Sentence():
            return Sentence(thing.template, {name: _reword(value, change) for name, value in thing.values.items()})
        case Struct():
            return replace(thing, **{name: _reword(getattr(thing, name), change) for name in thing.__struct_fields__})
        case list() | tuple():
            return tuple(_reword(each, change) for each in thing)
    return thing
