"""Variables of the shell in which a calendar is handed over, and which the runs will not have.

Whoever tries a backup by hand has them set; systemd and cron start with next to none.
"""

from collections.abc import Collection, Iterator, Mapping

from rebond.config.loading import refresh_variables
from rebond.config.model import Loaded

_KEYS = ("REBOND_KEY_FILE", "REBOND_PASSPHRASE", "REBOND_PASSPHRASE_FILE", "REBOND_PASSPHRASE_COMMAND")
_OF_STORES = ("AWS_", "AZURE_", "GOOGLE_")
_OF_HASHICORP = ("VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE")
_WHERE_COMMANDS_LEAD = ("KUBECONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST", "PGSERVICEFILE", "PGPASSFILE")


def list_inherited(
    document: object, loaded: Loaded, environment: Mapping[str, str], handed: Collection[str]
) -> list[str]:
    """Return the variables that runs need and that only this environment has, in order.

    ``document`` is what the configuration says, in the shape of JSON; ``handed`` goes with every run.
    """
    found = {name for name in _list_needed(document, loaded, environment) if environment.get(name)}
    kept = refresh_variables(loaded, {}).variables
    return sorted(name for name in found if name not in kept and name not in handed)


def _list_needed(document: object, loaded: Loaded, environment: Mapping[str, str]) -> Iterator[str]:
    configuration = loaded.configuration
    places = [*([configuration.vault] if configuration.vault else []), *configuration.vaults.values()]
    yield from _WHERE_COMMANDS_LEAD
    if configuration.vault is None:
        yield "REBOND_VAULT"
    if not places or any(each.key is None and each.passphrase is None for each in places):
        yield from _KEYS
    urls = [*(each.url for each in places), *(each.url for each in configuration.replica)]
    if any(not isinstance(each, str) or "://" in each for each in urls):
        yield from (name for name in environment if name.startswith(_OF_STORES))
    for table in _walk_tables(document):
        name = table.get("env")
        if isinstance(name, str):  # with a default too: the runs would take that, and not what is tried here
            yield name
        if "hashicorp" in table:
            yield from _OF_HASHICORP


def _walk_tables(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk_tables(each)
