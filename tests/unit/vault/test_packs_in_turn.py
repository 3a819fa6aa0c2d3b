"""Packs that wait for a slow store take memory: none is laid out before its turn."""

import threading
import time

import pytest
from tests.unit.vault.test_sealing_pipeline import SESSION, a_segment, within_seconds
from tests.unit.vault.written_trees import sealing_context

from rebond.vault import sealing_pipeline
from rebond.vault.packs import FilledPack, PackBuilder
from rebond.vault.sealing_pipeline import SealingPipeline


@pytest.mark.parametrize(("uploads", "most_bytes", "most_packs"), [(1, 1 << 30, 1), (3, 1 << 30, 3), (3, 1, 1)])
def test_no_pack_is_laid_out_while_as_many_as_may_be_are_on_their_way(
    uploads: int, most_bytes: int, most_packs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the store: packs that wait would each take as much memory as one that is being put."""
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    monkeypatch.setattr(sealing_pipeline, "MOST_PUTTING_BYTES", most_bytes)
    counted, laid_out, put, most = threading.Lock(), 0, 0, 0
    fill = PackBuilder.fill

    def lay_out(builder: PackBuilder, catalog_key: bytes) -> FilledPack:
        nonlocal laid_out, most
        with counted:
            laid_out += 1
            most = max(most, laid_out - put)
        return fill(builder, catalog_key)

    def put_slowly(_: FilledPack) -> None:
        nonlocal put
        time.sleep(0.004)
        with counted:
            put += 1

    monkeypatch.setattr(PackBuilder, "fill", lay_out)
    pipeline = SealingPipeline(sealing_context(SESSION), put_slowly, uploads=uploads)

    def run() -> None:
        for number in range(24):
            pipeline.submit(a_segment(number))
        pipeline.finish()

    within_seconds(run, 60)

    assert put == laid_out > 5
    assert most <= most_packs
