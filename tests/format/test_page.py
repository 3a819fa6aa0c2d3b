"""The page of the format says what the code does: every key, kind and limit of the code is on it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.format.golden_vault import unpack_golden

from rebond.vault import (
    endings,
    frames,
    headers,
    holds,
    index,
    keyring,
    marks,
    member_files,
    packs,
    references,
    roster,
    runs,
    segments,
    sessions,
    slots,
    snapshots,
    stream_items,
    trees,
)
from rebond.vault.object_names import ObjectClass, classify_name

PAGE = (Path(__file__).parents[2] / "docs" / "vault-format.md").read_text(encoding="utf-8")
RECORDS: dict[str, tuple[Any, ...]] = {
    "### 3.3": (slots._Record, slots.Argon2Cost),
    "### 3.4": (keyring._Clear, keyring._Sealed),
    "### 3.5": (
        roster.Roster,
        roster.Member,
        roster.Domain,
        roster.Untrusted,
        roster.FeatureFlags,
        roster.RescueFile,
    ),
    "### 3.6": (member_files._Content, member_files._DomainPart, member_files._Protection),
    "### 3.7": (marks.MarkBody, marks.ClaimBody),
    "### 3.8": (runs.RunRecord, holds.HoldBody),
    "## 5.": (index.IndexCatalog,),
    "## 6.": (trees.StoredEntry, trees.Page),
    "### 7.1": (references._Body,),
    "### 7.3": (endings.WithdrawalBody,),
    "### 7.2": (
        snapshots.CatalogPart,
        snapshots.ComponentSummary,
        snapshots.PrivatePart,
        snapshots.PrivateComponent,
        snapshots.StoredProblem,
    ),
    "### 7.5": (stream_items.StreamRecord,),
    "## 8.": (sessions.JournalEntry,),
}


def section(start: str) -> str:
    """Return a section of the page, up to the next heading of its level."""
    level = start.split(" ", maxsplit=1)[0]
    text = PAGE.split(f"\n{start}", 1)[1]
    return text.split(f"\n{level} ", 1)[0]


@pytest.mark.parametrize(("where", "record"), [(where, record) for where, all_ in RECORDS.items() for record in all_])
def test_every_key_of_a_record_is_in_its_section(where: str, record: Any) -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(record)}
    text = section(where)

    assert (
        sorted(key for key in keys if f"`{key}`" not in text and f"{{{key}:" not in text and f", {key}:" not in text)
        == []
    )


def test_keys_of_an_entry_stand_on_the_page_in_their_order() -> None:
    rows = [line.split("|")[1] for line in section("## 6.").splitlines() if line.startswith("| `")]
    on_page = [key.strip(" `") for row in rows for key in row.split(",")]

    assert on_page == [field.encode_name for field in msgspec.structs.fields(trees.StoredEntry)]


def test_rows_of_a_tail_have_the_fields_of_the_page() -> None:
    assert packs.SegmentRow.__struct_fields__ == (
        "session",
        "number",
        "kind",
        "offset",
        "stored_length",
        "raw_length",
        "stored_hash",
        "table_offset",
        "table_length",
        "chunk_count",
        "member",
    )


def test_every_kind_of_object_is_numbered_on_the_page() -> None:
    kinds = section("## 1.").split("\nKinds: ", 1)[1].split(".", 1)[0].replace("\n", " ")

    for kind in headers.ObjectKind:
        name = {"INDEX": "index list", "SESSION": "session record", "RUN": "run record"}.get(kind.name)
        assert f"{int(kind)} {name or kind.name.lower().replace('_', ' ')}" in kinds


def test_every_kind_of_segment_and_codec_is_numbered_on_the_page() -> None:
    for kind in segments.SegmentKind:
        assert f"{int(kind)} {kind.name.lower().replace('_', ' ')}" in section("## 4.")
    for number, name in ((frames.Codec.NONE, "none"), (frames.Codec.ZSTD, "zstd"), (frames.Codec.LZMA2, "LZMA2")):
        assert f"{int(number)} {name}" in section("## 4.")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (frames.RAW_LIMIT, "Raw length is at most 64 MiB"),
        (packs.PACK_LIMIT, "A pack is at most 32 MiB"),
        (packs.MIXED_LIMIT, "a pack under 4 MiB may mix"),
        (index.LIST_LIMIT, "At most 16 MiB"),
        (references.EMBED_LIMIT, "A body of up to 32 KiB"),
        (references._DECODED_LIMIT, "At most 256 MiB decoded"),
        (trees.PAGE_THRESHOLD, "above 2,048 entries"),
        (trees.PAGE_LEAST, "at least 256"),
        (trees.PAGE_MOST, "at most 4,096"),
        (trees.PAGE_BYTES, "beyond 4 MiB"),
        (trees.LIST_THRESHOLD, "more than 64 rows"),
        (trees.CUT_BELOW, "are below 64"),
        (slots.SLOT_LIMIT_BYTES, "(at most 16 KiB)"),
        (keyring.KEYRING_LIMIT_BYTES, "(at most 8 MiB)"),
        (member_files.MEMBER_FILE_LIMIT_BYTES, "(at most 4 MiB"),
    ],
)
def test_every_limit_of_the_code_is_on_the_page(value: int, words: str) -> None:
    unit = {"KiB": 1 << 10, "MiB": 1 << 20}
    told = [word.strip("()") for word in words.replace(",", "").split()]
    number = next(int(word) for word in told if word.isdigit())
    scale = next((unit[word] for word in told if word in unit), 1)

    assert words in PAGE
    assert value == number * scale


def test_every_object_of_a_vault_has_a_name_that_the_page_tells(tmp_path: Path) -> None:
    vault = unpack_golden(tmp_path)
    found = {
        classify_name(path.relative_to(vault).as_posix()): path.relative_to(vault).as_posix().split("/")[0]
        for path in vault.rglob("*")
        if path.is_file()
    }

    assert len(found) >= 12
    for kind, folder in found.items():
        assert kind is ObjectClass.UNKNOWN or f"`{folder}" in section("## 3.") or folder in section("## 3.")
