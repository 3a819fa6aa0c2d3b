"""What takes too long for ``make test``: known bugs put back, kills, power cuts, rot, interleavings, long random runs.

``python -m tests.torture`` does all of it in about ``REBOND_TORTURE_MINUTES`` (18 unless said),
``python -m tests.torture PART...`` some parts, ``python -m tests.torture planted`` all bugs, which
takes longer than the rest together, ``… planted BUG...`` some. ``in-place`` takes an hour and has to be named:
restores in place, killed at every point there is. Parts that could go on for ever share what time the others leave, or
take ``REBOND_TORTURE_SECONDS`` each. ``REBOND_TORTURE_AT_ONCE`` bugs (2 unless said) are judged side by side.
"""

import argparse
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.torture import rounds
from tests.torture.in_place_cuts import cut_everywhere
from tests.torture.log_killing import kill_around_the_log, try_each_version
from tests.torture.log_walking import walk_around_the_log
from tests.torture.moments import restore_to_moments
from tests.torture.operating import operate_for
from tests.torture.planting import plant_all, plant_for

LEAST_SECONDS = 20.0  # of a part that could go on for ever, however late it is


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``run`` is given seconds, returns its figures and raises on a miss. ``is_endless`` ones use them.

    ``share`` is how much they get, beside one another, of what time is left. Those with ``has_to_be_named`` take so
    long that they are not run with the others.
    """

    name: str
    run: Callable[[float], str]
    is_endless: bool = True
    share: int = 1
    has_to_be_named: bool = False


PARTS = (
    Part("interrupted", rounds.interrupt_large, is_endless=False),
    Part("cuts", rounds.cut_the_power, is_endless=False),
    Part("versions", try_each_version, is_endless=False),
    Part("moments", restore_to_moments, is_endless=False),
    Part("planted", plant_for, share=6),
    Part("kill", rounds.kill_for),
    Part("log", kill_around_the_log),
    Part("log-walk", walk_around_the_log),
    Part("processes", rounds.kill_own_processes),
    Part("rot", rounds.rot_for),
    Part("caches", rounds.forget_for),
    Part("full", rounds.fill_for),
    Part("distance", rounds.misbehave_for),
    Part("crowd", rounds.share_for),
    Part("operator", lambda seconds: operate_for(seconds, random.Random(rounds.choose_seed())), share=2),
    Part("interleavings", rounds.try_all_interleavings),
    Part("machine", rounds.walk_machine),
    Part("model", rounds.search_model),
    Part("in-place", lambda _: cut_everywhere(), is_endless=False, has_to_be_named=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one part came to."""

    name: str
    is_good: bool
    seconds: float
    figures: str


def run_parts(chosen: Sequence[Part]) -> list[Row]:
    """Run parts one after the other, each to its end whatever the others found."""
    until = time.monotonic() + 60 * float(os.environ.get("REBOND_TORTURE_MINUTES", "18"))
    fixed_seconds = float(os.environ.get("REBOND_TORTURE_SECONDS", "0"))
    rows = []
    for position, part in enumerate(chosen):
        waiting = sum(each.share for each in chosen[position:] if each.is_endless)
        seconds = fixed_seconds or max(
            LEAST_SECONDS * part.share, (until - time.monotonic()) * part.share / max(1, waiting)
        )
        rows.append(_run(part, seconds))
    return rows


def _run(part: Part, seconds: float) -> Row:
    began = time.monotonic()
    print(f"== {part.name}", flush=True)
    try:
        is_good, figures = True, part.run(seconds)
    except Exception as error:  # a miss of one part does not spare the others
        traceback.print_exc()
        is_good, figures = False, f"{type(error).__name__}: {error}".splitlines()[0][:100]
    return Row(part.name, is_good, time.monotonic() - began, figures)


def main(arguments: Sequence[str]) -> int:
    """Run the parts that were named, or all, and print a table; return 1 when one of them found something."""
    by_name = {part.name: part for part in PARTS}
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(by_name)}")
    named = parser.parse_args(arguments).parts
    if named[:1] == ["planted"]:
        return run_and_tell([Part("planted", lambda _: plant_all(named[1:]), is_endless=False)])
    if unknown := [name for name in named if name not in by_name]:
        parser.error(f"no such part: {', '.join(unknown)}")
    return run_and_tell([by_name[name] for name in named] or [each for each in PARTS if not each.has_to_be_named])


def run_and_tell(chosen: Sequence[Part]) -> int:
    """Run parts and print their table; return the exit status."""
    rows = run_parts(chosen)
    print(f"\n{'part':<14} {'':<7} {'time':>6}  figures")
    for row in rows:
        print(f"{row.name:<14} {'good' if row.is_good else 'FAILED':<7} {row.seconds:5.0f} s  {row.figures}")
    print(f"{'all':<14} {'':<7} {sum(row.seconds for row in rows):5.0f} s", flush=True)
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
