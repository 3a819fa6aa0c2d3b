"""Opens the golden vault for a test."""

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


@cache
def golden_facts() -> dict[str, Any]:
    """Return the secrets of the golden vault and what its snapshots hold."""
    facts: dict[str, Any] = json.loads((GOLDEN / "v1.json").read_text(encoding="ascii"))
    return facts


def unpack_golden(folder: Path) -> Path:
    """Lay the golden vault out below ``folder``, with the times that its files had."""
    vault = folder / "golden vault"
    with tarfile.open(GOLDEN / "v1.tar") as tar:
        # Python up to 3.11.3, as in Debian 12, has no filters.
        filtered: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(vault, **filtered)
    return vault
