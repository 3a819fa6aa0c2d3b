"""``crontab`` with its table in a file beside it: what a machine without cron lacks."""

import os
import pathlib
import sys


def main(arguments: list[str]) -> int:
    """Print the table, or take a new one from a file."""
    table = pathlib.Path(os.environ["CRONTAB_TABLE"])
    if arguments == ["-l"]:
        if not table.exists():
            print("no crontab for somebody", file=sys.stderr)
            return 1
        sys.stdout.write(table.read_text())
        return 0
    (path,) = arguments
    text = pathlib.Path(path).read_text()
    if text and not text.endswith("\n"):
        print("new crontab file is missing newline before EOF, can't install.", file=sys.stderr)
        return 1
    table.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
