"""What a look at the structure makes of a vault that moves meanwhile."""

from pathlib import Path

from tests.unit.vault.kept_vault import KeptVault

from rebond.vault.checking_structure import check_history, check_structure


def test_a_snapshot_that_came_after_the_listing_is_not_gone(tmp_path: Path) -> None:
    kept = KeptVault(tmp_path)
    kept.save()
    seen = check_structure(kept.vault)
    kept.save()
    kept.prune()  # its run record knows the new one, which the listing does not

    assert check_history(kept.vault, seen) == []


def test_a_snapshot_that_was_forgotten_and_pruned_after_the_listing_is_not_gone(tmp_path: Path) -> None:
    kept = KeptVault(tmp_path)
    first = kept.save()
    kept.save()
    kept.prune()
    seen = check_structure(kept.vault)
    kept.forget(first)
    kept.prune()

    assert check_history(kept.vault, seen) == []


def test_a_record_that_somebody_deleted_is_named(tmp_path: Path) -> None:
    kept = KeptVault(tmp_path)
    first = kept.save()
    kept.save()
    kept.prune()
    kept.store.delete(first.name)

    found = check_history(kept.vault, check_structure(kept.vault))

    assert first.name in [each.subject for each in found]
