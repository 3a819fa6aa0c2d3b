"""Trees that are only large: very many small files, one folder with very many entries."""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.generated_trees import write_file

PARTS = 100
"""The work is cut into so many pieces, each with a random source of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """How many files, in how many folders, how many of them in one folder, of how many bytes at most (a tenth on
    average, half of the bytes compressible)."""

    seed: int
    file_count: int = 1_000_000
    folder_count: int = 60_000
    crowded_count: int = 200_000
    largest_bytes: int = 100_000


def make_growth_tree(target: Path, plan: GrowthPlan) -> None:
    """Make the tree below ``target``, on as many processes as there are processors."""
    (target / "crowded").mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        for made in [pool.submit(_make_part, target, plan, part) for part in range(PARTS)]:
            made.result()


def _make_part(target: Path, plan: GrowthPlan, part: int) -> None:
    random = Random(f"{plan.seed}/{part}")
    spread_count = plan.file_count - plan.crowded_count
    for number in range(part, plan.folder_count, PARTS):
        folder = target / f"{number // 1000:02d}" / f"folder-{number}"
        os.makedirs(folder, exist_ok=True)
        first, last = (spread_count * edge // plan.folder_count for edge in (number, number + 1))
        for file in range(first, last):
            write_file(f"{folder}/file-{file}.dat", _make_content(random, plan.largest_bytes))
    for file in range(part, plan.crowded_count, PARTS):
        write_file(f"{target}/crowded/entry-{file:06d}.dat", _make_content(random, plan.largest_bytes))


def _make_content(random: Random, largest_bytes: int) -> bytes:
    # The ninth power of an even draw has its mean at a tenth of the range: many small files, few large ones.
    size_bytes = int(largest_bytes * random.random() ** 9)
    if random.random() < 0.5:
        return random.randbytes(size_bytes)
    return (random.randbytes(size_bytes // 8 + 1).hex() * 4).encode()[:size_bytes]
