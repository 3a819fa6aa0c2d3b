"""What starts the server of a database component: its service in compose, its container, its own command."""

import shlex
from collections.abc import Sequence

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.config.steps import Step
from rebond.operations.recovery.server_waiting import Starter
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.containers import require_own_name
from rebond.stack.hooks import make_hook
from rebond.stack.surroundings import address_of
from rebond.stack.whereabouts import list_compose_words

_SECONDS = 600  # an image may have to be fetched


def find_starter(component: Component, loaded: Loaded) -> Starter | None:
    """Return what starts the server of a component; ``None`` where nothing says how, as in Kubernetes.

    Compose makes the one service, with those that it depends on, from the files of the stack. What runs on this
    machine is started by ``restart`` of the component. Raises ``SourceUnfit`` where compose is missing.
    """
    if component.inside is not None:
        address = address_of(component.inside)
        match address.client:
            case Client.COMPOSE:
                return _make(loaded, [*list_compose_words(loaded), "up", "--detach", address.name])
            case Client.DOCKER | Client.PODMAN:
                return _make(loaded, [address.client.value, "start", address.name], named=address)
            case Client.KUBERNETES:
                return None
    if component.volume is None and component.restart is not None and "{part}" not in component.restart:
        hook = make_hook(Step(run=component.restart, timeout=_SECONDS), loaded, {"REBOND_HOOK": "restore"})

        def restart() -> None:
            hook.run()

        return Starter(name=hook.name, start=restart)
    return None


def _make(loaded: Loaded, words: Sequence[str], *, named: Address | None = None) -> Starter:
    hook = make_hook(Step(run=tuple(words), timeout=_SECONDS), loaded, {"REBOND_HOOK": "restore"})

    def start() -> None:
        if named is not None:
            require_own_name(named, loaded.variables)
        hook.run()

    return Starter(name=shlex.join(words), start=start)
