"""What takes too long for ``make test``: known bugs put back, kills, interleavings, long random runs.

``python -m tests.torture`` does all of it, ``python -m tests.torture NAME...`` a part, with
``REBOND_TORTURE_SECONDS`` as the time for each part that could go on for ever (60 unless said).
"""

import os
import sys
import time
from collections.abc import Callable

from tests.torture.planting import plant_all
from tests.torture.rounds import interrupt_large, kill_for, try_all_interleavings, walk_machine

SECONDS = float(os.environ.get("REBOND_TORTURE_SECONDS", "60"))

PARTS: dict[str, Callable[[], int]] = {
    "planted": plant_all,
    "kill": lambda: kill_for(SECONDS),
    "interrupted": interrupt_large,
    "interleavings": lambda: try_all_interleavings(SECONDS),
    "machine": lambda: walk_machine(SECONDS),
}


def main(arguments: list[str]) -> int:
    """Run the parts that were named, or all; return 1 when one of them found something."""
    if arguments[:1] == ["planted"] and len(arguments) > 1:
        return 1 if plant_all(arguments[1:]) else 0
    unknown = [name for name in arguments if name not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    failed = []
    for name in arguments or PARTS:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        if PARTS[name]():
            failed.append(name)
        print(f"== {name}: {'FAILED' if name in failed else 'good'}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
