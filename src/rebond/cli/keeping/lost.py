"""Snapshots whose record is damaged or gone: named by their ids, they are given up."""

import re
from collections.abc import Sequence

from rebond.cli.output.speech import tr
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.vault.access import Vault
from rebond.vault.forgetting import Standing
from rebond.vault.lost_records import LostRecord, find_lost

_ID = re.compile("[0-9a-f]{4,32}")


def split_lost(vault: Vault, standing: Standing, names: Sequence[str]) -> tuple[list[LostRecord], list[str]]:
    """Return the lost records that ``names`` mean, and the names that mean something else."""
    listed = [candidate.snapshot.hex() for candidate in standing.candidates]
    unknown = [each for each in names if _ID.fullmatch(each) and not any(known.startswith(each) for known in listed)]
    lost = find_lost(vault) if unknown else []
    chosen: list[LostRecord] = []
    rest: list[str] = []
    for name in names:
        fitting = [each for each in lost if each.snapshot.hex().startswith(name)] if name in unknown else []
        if len({each.snapshot for each in fitting}) == 1:
            chosen += [each for each in fitting if each not in chosen]
        else:
            rest.append(name)
    return chosen, rest


def describe_lost(lost: Sequence[LostRecord]) -> str:
    """Return a line for each."""
    return "\n".join(
        f"- {each.snapshot.hex()[:SHORT_ID]}  "
        + (tr("its record is damaged") if each.is_there else tr("its record is gone"))
        for each in lost
    )
