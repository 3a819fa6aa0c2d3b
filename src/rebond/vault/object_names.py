"""What a name in a vault says of the object that lies there (format page, section 3)."""

import enum
import re

from rebond.vault.headers import ObjectKind


class ObjectClass(enum.StrEnum):
    """Where an object belongs, by its name alone."""

    DESCRIPTION = "description"
    PAPER = "paper"
    ROSTER = "roster"
    SLOT = "slot"
    KEYRING = "keyring"
    PACK = "pack"
    INDEX = "index"
    REFERENCES = "references"
    SNAPSHOT = "snapshot"
    WITHDRAWAL = "withdrawal"
    SESSION = "session"
    MARK = "mark"
    CLAIM = "claim"
    RUN = "run"
    HOLD = "hold"
    STREAM_ITEM = "stream item"
    SPARE = "spare copy"
    PROBE = "probe"
    UNKNOWN = "unknown"


_ID8, _ID16, _HASH, _NUMBER = "[0-9a-f]{16}", "[0-9a-f]{32}", "[0-9a-f]{64}", "[1-9][0-9]{0,17}"
_SHAPES: tuple[tuple[str, ObjectClass, re.Pattern[str]], ...] = tuple(
    (prefix, kind, re.compile(shape))
    for prefix, kind, shape in (
        ("packs/", ObjectClass.PACK, r"packs/([0-9a-f]{2})/\1[0-9a-f]{62}"),
        ("sessions/", ObjectClass.SESSION, rf"sessions/{_ID8}/{_ID16}\.{_ID16}/[0-9]{{6,}}"),
        ("snapshots/", ObjectClass.SNAPSHOT, rf"snapshots/{_ID8}/{_ID16}\.{_ID16}"),
        ("snapshots/", ObjectClass.WITHDRAWAL, rf"snapshots/{_ID8}/{_ID16}\.{_ID16}\.withdrawn(\.{_ID16})?"),
        ("index/", ObjectClass.INDEX, rf"index/{_ID8}/{_HASH}"),
        ("references/", ObjectClass.REFERENCES, rf"references/{_ID8}/{_HASH}"),
        ("trash/", ObjectClass.MARK, rf"trash/{_ID16}"),
        ("trash/", ObjectClass.CLAIM, rf"trash/{_ID16}\.claim"),
        ("runs/", ObjectClass.RUN, r"runs/[0-9]{1,18}"),
        ("holds/", ObjectClass.HOLD, rf"holds/{_ID16}/[0-9]{{1,18}}"),
        ("streams/", ObjectClass.STREAM_ITEM, rf"streams/{_ID8}/{_ID16}/{_ID16}"),
        ("roster/", ObjectClass.ROSTER, rf"roster/{_NUMBER}"),
        ("keyring/", ObjectClass.KEYRING, rf"keyring/{_NUMBER}"),
        ("keys/", ObjectClass.SLOT, rf"keys/{_ID16}"),
        ("vault.json", ObjectClass.DESCRIPTION, r"vault\.json"),
        ("README.txt", ObjectClass.PAPER, r"README\.txt"),
        ("VAULT-FORMAT.md", ObjectClass.PAPER, r"VAULT-FORMAT\.md"),
        ("rescue/", ObjectClass.PAPER, r"rescue/.+"),
        (
            "spare/",
            ObjectClass.SPARE,
            rf"spare/(vault\.json|roster/{_NUMBER}|keyring/{_NUMBER}|keys/{_ID16})",
        ),
        ("probe/", ObjectClass.PROBE, r"probe/.+"),
    )
)

KIND_OF: dict[ObjectClass, ObjectKind] = {
    ObjectClass.PACK: ObjectKind.PACK,
    ObjectClass.INDEX: ObjectKind.INDEX,
    ObjectClass.REFERENCES: ObjectKind.REFERENCES,
    ObjectClass.SESSION: ObjectKind.SESSION,
    ObjectClass.MARK: ObjectKind.MARK,
    ObjectClass.CLAIM: ObjectKind.CLAIM,
    ObjectClass.RUN: ObjectKind.RUN,
    ObjectClass.HOLD: ObjectKind.HOLD,
    ObjectClass.STREAM_ITEM: ObjectKind.STREAM_ITEM,
    ObjectClass.ROSTER: ObjectKind.ROSTER,
    ObjectClass.SLOT: ObjectKind.SLOT,
    ObjectClass.KEYRING: ObjectKind.KEYRING,
}
"""The kind byte that an object of a class has; snapshots have several and are judged by themselves."""

HAVE_COPIES = frozenset(
    {ObjectClass.DESCRIPTION, ObjectClass.ROSTER, ObjectClass.KEYRING, ObjectClass.SLOT, ObjectClass.SPARE}
)
"""Classes whose objects lie in the vault twice (section 3.9), and the copies themselves."""

HASH_NAMED = frozenset({ObjectClass.PACK, ObjectClass.INDEX, ObjectClass.REFERENCES})
"""Classes whose objects are named by HASH of their bytes; all others but the clear files end with a sum."""


def classify_name(name: str) -> ObjectClass:
    """Return the class of an object by its name; ``UNKNOWN`` for a name that this Rebond never gives."""
    for prefix, kind, shape in _SHAPES:
        if name.startswith(prefix) and shape.fullmatch(name):
            return kind
    return ObjectClass.UNKNOWN


def shard_of(name: str, count: int) -> int:
    """Return which of ``count`` shards an object belongs to, by its name alone."""
    digits = name.rsplit("/", 1)[-1][:8]
    try:
        return int(digits, 16) % count
    except ValueError:
        return sum(name.encode()) % count
