"""What leads from the configuration into a container: the address that it means, and what the clients are told."""

from rebond.config.model import Loaded
from rebond.config.quantities import Inside
from rebond.config.resolving import Resolver
from rebond.sources.channels.addresses import Address, Client, parse_address
from rebond.sources.channels.clients import DOCKER_COMPOSE, Surroundings
from rebond.sources.channels.compose import find_compose


def address_of(place: Inside) -> Address:
    """Return the address that the configuration means."""
    return parse_address(f"{place.engine}:{place.name}")


def describe_surroundings(loaded: Loaded, resolver: Resolver, address: Address) -> Surroundings:
    """Return what the clients have to be told of the stack. Raises ``SourceUnfit`` where compose is missing.

    Compose alone starts in the root of the stack, where it looks for files and never takes those of another folder.
    The others need none, also before the root is back, and find a relative ``KUBECONFIG`` where it was written for.
    """
    stack = loaded.configuration.stack
    cluster = stack.kubernetes
    return Surroundings(
        compose=find_compose(loaded.variables) if address.client is Client.COMPOSE else DOCKER_COMPOSE,
        compose_files=tuple(str(loaded.root / each) for each in stack.compose),
        context=resolver.resolve_words(cluster.context) if cluster and cluster.context else "",
        namespace=resolver.resolve_words(cluster.namespace) if cluster and cluster.namespace else "",
        started_in=str(loaded.root) if address.client is Client.COMPOSE else "",
    )
