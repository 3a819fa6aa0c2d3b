"""Print ``docs/reference/configuration.md`` and its JSON Schema from the models themselves."""

import pathlib
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rebond.config.structs import Declared, Model

REFERENCE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "reference"
PAGE = REFERENCE / "configuration.md"
SCHEMA = REFERENCE / "rebond.schema.json"
HEAD = """# Configuration

This page is printed by `make docs` from the program itself. [How to write one](../how-to/write-a-configuration.md) begins with an example.

The file is [TOML](https://toml.io). It is `--config FILE`, else `REBOND_CONFIG`, else `./rebond.toml`, `~/.config/rebond/rebond.toml`,
`/etc/rebond/rebond.toml`. `rebond config check` finds everything that is wrong with it; [rebond.schema.json](rebond.schema.json) lets editors
complete it (`rebond config schema` prints it too).

- **Paths** that are relative start at `root` of `[stack]`, which is the folder of the file unless it says otherwise. `include` starts at the file.
- **Lengths of time** are text such as `"30d"`, `"2h"`, `"1h30m"`, with s, m (or min), h, d, w, mo (30 days), y (365 days).
- **Sizes** are text such as `"500kB"`, `"10MB"` (millions), `"1GiB"` (1,073,741,824).
- **Schedules** are the five fields of cron, in the stack's time zone.
- **Comparisons** are text such as `">= 100"`. `{ is = ">= 100", else = "warn" }` warns where the text alone lets the backup fail.
- A **default** of – means that nothing is said.

What this version reads, checks and does not carry out yet: the kind `django`, replicas, `lock`, `notify`, `serve.textfile` and `serve.names`. A backup of a component that
cannot be saved yet fails and says so.

## References

Any text marked so may stand somewhere else. Nothing is looked up before it is needed, and nothing that was looked up is printed.

```toml
password = { env = "POSTGRES_PASSWORD" }                 # also with default = "…" where it is no secret
password = { file = "/etc/rebond/database.password" }    # its first line; of a key the whole file
password = { command = "pass show shop/database" }       # its first line
password = { keyring = "shop/database" }                 # SERVICE/USER; needs: pip install keyring
password = { hashicorp = "secret/shop/database#password", address = "https://vault.example:8200", token = { file = "/etc/rebond/vault-token" } }
```

`env` looks at the environment first, then at the files that `env` of `[stack]` names. Secrets must be references: one that is written out is an error, also inside an
address. All other text that is judged when the file is read (names, schedules, lengths of time, paths) may be `{ env = … }` only.
"""


def print_page() -> str:
    """Return the whole page."""
    return HEAD + "".join(print_model(model, name) for model, name in models())


def models() -> "Iterator[tuple[type[Model], str]]":
    """Yield every table once, in the order in which the page first names it, with the heading that one writes."""
    from rebond.config.components import KINDS
    from rebond.config.model import Configuration
    from rebond.config.structs import keys_of

    seen: set[type[Model]] = set()

    def walk(model: "type[Model]", name: str) -> "Iterator[tuple[type[Model], str]]":
        if model in seen:
            return
        seen.add(model)
        yield model, name
        for key, (_, declared) in keys_of(model).items():
            for below in tables_in(declared.shape):
                yield from walk(below, f"{name}.{key}" if name else key)
            if model is Configuration and key == "component":
                for word, kind in KINDS.items():
                    yield from walk(kind, f'component.NAME with kind = "{word}"')

    yield from walk(Configuration, "")


def tables_in(shape: Any) -> "Iterator[type[Model]]":
    """Yield the models that a shape leads to, references apart: they have a section of their own."""
    from rebond.config.classes import DrillRhythm, DrillShape, Keep, KeepShape
    from rebond.config.structs import Table

    if isinstance(shape, Table):
        yield shape.model
    elif isinstance(shape, KeepShape):
        yield Keep
    elif isinstance(shape, DrillShape):
        yield DrillRhythm
    elif hasattr(shape, "shape"):
        yield from tables_in(shape.shape)


def print_model(model: "type[Model]", name: str) -> str:
    """Return the section of one table."""
    from rebond.config.structs import keys_of, title_of

    about = " ".join((model.__doc__ or "").split())
    where = f"`{name}`. " if name else ""
    rows = [
        f"| `{key}` | {escape(declared.shape.words)} | "
        f"{'**needed**' if declared.is_required else describe_default(declared)} | {escape(declared.about)} |"
        for key, (_, declared) in keys_of(model).items()
    ]
    table = "| key | value | default | |\n|---|---|---|---|\n" + "\n".join(rows)
    return f"\n## {title_of(model)}\n\n{where}{about}\n\n{table}\n"


def describe_default(declared: "Declared") -> str:
    """Return what a field is when nobody says."""
    from rebond.config.quantities import Span
    from rebond.units import format_span

    value = declared.default
    if value is None or value in ((), "", {}):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(declared.shape, Span) and isinstance(value, int):
        return format_span(value) if value >= 10 else f"{value} s"
    return f"`{value}`"


def escape(text: str) -> str:
    """Return text that may stand in a cell."""
    return re.sub(r"\|", r"\\|", text)


def main() -> None:
    from rebond.config.json_schema import write_schema

    PAGE.write_text(print_page(), encoding="utf-8")
    SCHEMA.write_text(write_schema(), encoding="utf-8")
    for path in (PAGE, SCHEMA):
        print(f"wrote {path.relative_to(path.parents[2])}", file=sys.stderr)


if __name__ == "__main__":
    main()
