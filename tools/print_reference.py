"""Print ``docs/reference/cli.md`` from the commands themselves. A test fails when the page is not what this prints."""

import os
import pathlib
import sys
from collections.abc import Iterator

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """# Command line

This page is printed by `make docs` from the commands themselves.

Secrets are never arguments. They come, in this order, from `REBOND_KEY_FILE`, `REBOND_PASSPHRASE`,
`REBOND_PASSPHRASE_FILE` (its first line), `REBOND_PASSPHRASE_COMMAND` (the first line that it prints), the configuration, or a
prompt on a terminal. `key add` and `key issue --protect` take a new passphrase from `REBOND_NEW_PASSPHRASE`,
`REBOND_NEW_PASSPHRASE_FILE` and `REBOND_NEW_PASSPHRASE_COMMAND` in the same way.

| variable | |
|---|---|
| `REBOND_VAULT` | the vault, where `--vault` is not given |
| `REBOND_CONFIG` | the [configuration](configuration.md), where `--config` is not given |
| `REBOND_KEY_FILE_NAME`, `REBOND_PASSPHRASE_NAME` … | the same for the vault `NAME` of `[vaults.NAME]`, in capitals |
| `REBOND_LANG` | `en` or `fr`, where `--lang` is not given; then `LC_ALL`, `LC_MESSAGES`, `LANG` |
| `REBOND_CACHE_DIR` | what may be deleted at any time; else `$XDG_CACHE_HOME/rebond` |
| `REBOND_STATE_DIR` | what this machine saw of each vault, and fault reports; else `$XDG_STATE_HOME/rebond` |

A SNAPSHOT is an id, the beginning of one that is unique, `latest`, `latest:CLASS`, `latest:TAG`, or a day or moment
(`2026-02-04`, `20260204-030000`): the newest whole set of that day (else its newest), or the newest until that moment.
"""


def print_reference() -> str:
    """Return the whole page."""
    sections = [f"\n## `{path}`\n\n```\n{text.rstrip()}\n```\n" for path, text in help_texts()]
    return HEAD + "".join(sections)


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield each command with its help, in English and 100 columns, whatever the terminal."""
    import click

    from rebond.cli.grammar.verbs import Verbs
    from rebond.cli.output.speech import speak
    from rebond.cli.program import program

    speak("en")

    def walk(command: click.Command, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
        name = path.rsplit(" ", 1)[-1]
        with click.Context(
            command, info_name=name, parent=parent, terminal_width=100, max_content_width=100
        ) as context:
            text = command.get_help(context)
            yield path, text if parent is None else _without_common(text)
            if isinstance(command, Verbs):
                for each in command.list_commands(context):
                    child = command.get_command(context, each)
                    assert child is not None
                    yield from walk(child, f"{path} {each}", context)

    yield from walk(program, "rebond", None)


def _without_common(text: str) -> str:
    """Leave out the options of every command: the first section shows them."""
    before, _, after = text.partition("Options of every command:")
    _, mark, example = after.partition("Example:")
    return before + mark + example


def main() -> int:
    os.environ.pop("REBOND_LANG", None)
    PAGE.write_text(print_reference(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parents[2])}", file=sys.stderr)
    sys.path.insert(0, str(PAGE.parents[2]))
    from tools import print_configuration, print_decisions

    print_configuration.main()
    print_decisions.main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
