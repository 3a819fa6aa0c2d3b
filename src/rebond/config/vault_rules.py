"""What holds for each vault of a configuration: what it asks of its store is something that the store gets to hear."""

from collections.abc import Iterator

from rebond.config.judging import Judging
from rebond.config.model import Configuration
from rebond.config.places import Node
from rebond.config.stacks import Replica, Vault
from rebond.errors import ConfigError

_CLOUDS = ("s3", "gs", "gcs", "az", "azure")


def judge_vaults(judging: Judging, configuration: Configuration) -> None:
    """Report a storage class that no store gets, or two of them; warn of a lock that nobody sets."""
    for node, vault in _list_vaults(judging.root, configuration):
        _judge_storage_class(judging, node, vault)
        if isinstance(vault, Vault) and vault.lock is not None:
            judging.problems.warn(
                node.find("lock").place,
                ConfigError(
                    "'{key}' is not carried out by this version: nothing is locked in the store.",
                    hint="Let the bucket itself keep what is deleted (versions, a default retention), or give this "
                    "machine a credential that may not delete. 'rebond doctor' tries what it may.",
                    key=node.find("lock").path,
                ),
            )


def _list_vaults(root: Node, configuration: Configuration) -> Iterator[tuple[Node, Vault | Replica]]:
    if configuration.vault is not None:
        yield root.find("vault"), configuration.vault
    for name, vault in configuration.vaults.items():
        yield root.find("vaults", name), vault
    for number, replica in enumerate(configuration.replica):
        yield root.find("replica", number), replica


def _judge_storage_class(judging: Judging, node: Node, vault: Vault | Replica) -> None:
    if vault.storage_class is None or not isinstance(vault.url, str):
        return
    scheme, colon, rest = vault.url.partition("://")
    if not colon or scheme.lower() not in _CLOUDS:
        judging.refuse(
            node.find("storage_class"),
            ConfigError(
                "'{key}' is for a cloud store, and '{url}' is none.",
                hint='Take storage_class out, or name a bucket: url = "s3://BUCKET/PREFIX".',
                key=node.find("storage_class").path,
                url=vault.url,
            ),
        )
    elif "storage_class=" in rest.partition("?")[2]:
        judging.refuse(
            node.find("storage_class"),
            ConfigError(
                "'{key}' names a storage class, and so does the address in '{other}'.",
                hint="Keep one of the two.",
                key=node.find("storage_class").path,
                other=node.find("url").path,
            ),
        )
