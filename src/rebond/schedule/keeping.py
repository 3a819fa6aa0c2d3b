"""When what ``keep`` lets go is forgotten and its room freed, without anybody asking."""

from collections.abc import Iterator

from rebond.config.classes import EVERYWHERE
from rebond.config.model import Configuration

MAIN_PLACE = "vault"
NEVER = "never"
MOMENTS = {  # away from the usual hours of backups and checks
    "hourly": "17 * * * *",
    "daily": "40 5 * * *",
    "weekly": "40 5 * * sun",
    "monthly": "40 5 1 * *",
}


def list_places_to_clean(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Yield each vault in which something goes some day, by the name that ``keep`` uses, and when it is cleaned.

    Replicas are cleaned by whoever copies to them.
    """
    vaults = {MAIN_PLACE: configuration.vault, **configuration.vaults}
    for name, vault in vaults.items():
        if vault is None or vault.forget == NEVER:
            continue
        rules = [each.keep.get(name) or each.keep.get(EVERYWHERE) for each in configuration.classes.values()]
        if any(each is not None and not each.for_ever for each in rules):
            yield name, MOMENTS[vault.forget]
