"""Large blocks are used again instead of being asked for anew, and given back when nothing needs them."""

import subprocess
import sys

PROGRAM = """
import resource, sys
from rebond.own_memory import give_memory_back, keep_memory

def read(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1])

if sys.argv[1] == "kept":
    assert keep_memory()
warm = bytes(bytearray(16 << 20))
del warm
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, read("RssAnon")
for _ in range(8):
    block = bytes(bytearray(16 << 20))
    del block
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before[0]
held = read("RssAnon")
give_memory_back()
print(faults, held, read("RssAnon"))
"""


def run(way: str) -> tuple[int, int, int]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, check=True, text=True)
    faults, held, left = map(int, done.stdout.split())
    return faults, held, left


def test_blocks_of_a_segment_are_kept_and_given_back_on_wish() -> None:
    faults, held, left = run("kept")

    assert faults < 200  # not one for each page of eight blocks
    assert held > left + (12 << 10)
