"""What starts the server of a database component: its service in compose, its container, its own command."""

import shlex
from collections.abc import Sequence

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.config.steps import Step
from rebond.errors import CommandFailed, SourceError
from rebond.operations.recovery.server_waiting import Starter
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.containers import require_own_name
from rebond.sources.channels.inspecting import says_missing
from rebond.stack.hooks import make_hook
from rebond.stack.surroundings import address_of
from rebond.stack.whereabouts import Place, list_compose_words

_SECONDS = 600  # an image may have to be fetched


def find_starter(component: Component, loaded: Loaded) -> Starter | None:
    """Return what starts the server of a component; ``None`` where nothing says how, as in Kubernetes.

    Compose makes the one service, with those that it depends on, from the files of the stack. A container of another
    kind is started, and where it is gone made by ``restart`` of the component, as what runs on this machine is started.
    Raises ``SourceUnfit`` where compose is missing.
    """
    if component.inside is not None:
        address = address_of(component.inside)
        match address.client:
            case Client.COMPOSE:
                return _make(loaded, [*list_compose_words(loaded), "up", "--detach", address.name])
            case Client.DOCKER | Client.PODMAN:
                start = _make(loaded, [address.client.value, "start", address.name], named=address)
                return _start_or_make(start, address, component, loaded)
            case Client.KUBERNETES:
                return None
    return _find_restart(component, loaded) if component.volume is None else None


def find_gone_container(component: Component, loaded: Loaded) -> Address | None:
    """Return the container of a component where its engine has none of that name, and nothing here would make it.

    Commands of ``rebuild`` may make one; compose does.
    """
    address = address_of(component.inside) if component.inside is not None else None
    if address is None or address.client not in {Client.DOCKER, Client.PODMAN}:
        return None
    rebuilds = loaded.configuration.restore is not None and loaded.configuration.restore.rebuild
    if rebuilds or _find_restart(component, loaded) is not None or not _is_gone(address, loaded):
        return None
    return address


def _find_restart(component: Component, loaded: Loaded) -> Starter | None:
    if component.restart is None or "{part}" in component.restart:
        return None
    hook = make_hook(Step(run=component.restart, timeout=_SECONDS), loaded, {"REBOND_HOOK": "restore"})

    def restart() -> None:
        hook.run()

    return Starter(name=hook.name, start=restart)


def _start_or_make(start: Starter, address: Address, component: Component, loaded: Loaded) -> Starter:
    restart = _find_restart(component, loaded)
    if restart is None:
        return start

    def begin() -> None:
        (restart if _is_gone(address, loaded) else start).start()

    return Starter(name=f"{start.name} || {restart.name}", start=begin)


def _is_gone(address: Address, loaded: Loaded) -> bool:
    """Say whether the engine answers that it has no such container."""
    # Programs start in the root, which may not be back yet; the engine's client starts anywhere.
    try:
        Place(loaded=loaded).ask((address.client.value, "container", "inspect", address.name))
    except CommandFailed as error:
        return says_missing(error)
    except SourceError:
        return False
    return False


def _make(loaded: Loaded, words: Sequence[str], *, named: Address | None = None) -> Starter:
    hook = make_hook(Step(run=tuple(words), timeout=_SECONDS), loaded, {"REBOND_HOOK": "restore"})

    def start() -> None:
        if named is not None:
            require_own_name(named, loaded.variables)
        hook.run()

    return Starter(name=shlex.join(words), start=start)
