"""Runs the rescue program where Rebond cannot be imported: only the standard library and three packages."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import files
from pathlib import Path

import rebond.vault

RESCUE = Path(rebond.vault.__file__).parent / "rescue" / "rescue.py"
_NEEDED = ("cryptography", "zstandard", "blake3", "cffi")  # cffi: part of cryptography
_START = """
import runpy, sys
sys.path.append(sys.argv.pop(1))
for name in ("rebond", "msgspec"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} can be imported here")
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@cache
def needed_packages() -> dict[str, Path]:
    """Return what the three packages put at the top of site-packages."""
    found = {}
    for package in _NEEDED:
        for file in files(package) or []:
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not top.endswith(".dist-info"):
                found[top] = Path(str(file.locate())).parents[len(file.parts) - 1] / top
    return found


def run_rescue(
    scratch: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``rescue.py`` with these arguments and nothing else in its environment."""
    packages = scratch / "packages"
    if not packages.exists():
        packages.mkdir()
        for name, path in needed_packages().items():
            (packages / name).symlink_to(path)
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", _START, str(packages), str(RESCUE), *map(str, arguments)],
        env={"PATH": os.defpath, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
