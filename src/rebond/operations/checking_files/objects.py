"""An object of a vault that lies somewhere else: judged by its own name and sums, without any key."""

import os
import re
from collections.abc import Iterator

from rebond.errors import SourceUnfit
from rebond.findings import Finding
from rebond.store.protocol import ObjectInfo
from rebond.vault.auditing import SMALL_LIMIT, AuditContext, judge_object
from rebond.vault.object_names import ObjectClass, classify_name

_MOST_PARTS = 4
_HASH = re.compile(r"[0-9a-f]{64}")


def judge_vault_object(path: str) -> tuple[Finding, ...]:
    """Return what is wrong with an object. Raises ``SourceUnfit`` where its name says too little, ``OSError``."""
    name = next(_names_of(path), None)
    about = os.stat(path)
    if name is None or about.st_size > SMALL_LIMIT:
        raise SourceUnfit(
            "{path} is an object of a vault; under this name it cannot be judged.",
            hint="Its name is its sum: copy it as it is called in the vault, such as packs/ab/ab….",
            path=path,
        )
    with open(path, "rb") as file:
        content = file.read()
    info = ObjectInfo(name=name, size=about.st_size, modified_ms=about.st_mtime_ns // 1_000_000)
    return judge_object(info, content, classify_name(name), AuditContext())


def _names_of(path: str) -> Iterator[str]:
    """Yield the names in a vault that a path may stand for, the longest first."""
    parts = os.path.abspath(path).split(os.sep)
    for count in range(_MOST_PARTS, 0, -1):
        name = "/".join(parts[-count:])
        if classify_name(name) is not ObjectClass.UNKNOWN:
            yield name
    if _HASH.fullmatch(parts[-1]):  # copied alone
        yield f"packs/{parts[-1][:2]}/{parts[-1]}"
