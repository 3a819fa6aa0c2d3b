"""Messages as data: a template in English and the values that fill it.

The lower layers never choose a language. They raise and report *templates* with named values
(``"{path} is not a directory"``), and the front end looks the template up in the reader's
language before it fills the values in. A test collects every template of the product and fails
when a translation is missing.
"""

from collections.abc import Mapping


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return ``template`` with its ``{named}`` places filled in.

    A template without values is returned as it is, so that braces in plain sentences do no harm.
    """
    return template.format_map(values) if values else template
