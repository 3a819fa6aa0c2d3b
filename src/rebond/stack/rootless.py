"""What a Podman without root keeps: files whose owners are other numbers on this machine."""

import os

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.findings import Finding, Severity
from rebond.sources.channels.addresses import Client
from rebond.stack.contained_places import lies_inside
from rebond.stack.whereabouts import find_engine

CODE = "volume-rootless"


def find_rootless(
    name: str, component: Component, loaded: Loaded, *, user: str, uid: int | None = None
) -> Finding | None:
    """Return what to know of files that are read or put back by their folder here, without root; ``None`` for nothing.

    The caller knows that they lie in a folder of this machine. Only ``podman unshare`` may use their owners' numbers,
    where this is root (``uid`` 0), as far as that goes.
    """
    if (os.geteuid() if uid is None else uid) == 0 or not lies_inside(component) or not _is_podmans(component, loaded):
        return None
    return Finding(
        code=CODE,
        severity=Severity.WARNING,
        subject=name,
        template="{component} is read from a volume of a Podman without root: what other users of its containers "
        'own may be shut here, and will belong to {user}. Name the container (in = "podman:NAME"), and put '
        "'podman unshare' before the command that restores in place."
        if component.inside is None
        else "{component} lies in a container of a Podman without root: what other users of it own may be shut here, "
        "and will belong to {user}. Put 'podman unshare' before the command that restores in place.",
        values={"component": f"component.{name}", "user": user},
    )


def _is_podmans(component: Component, loaded: Loaded) -> bool:
    if component.inside is not None:
        return component.inside.engine == Client.PODMAN
    try:
        return find_engine(loaded) == Client.PODMAN
    except RebondError:
        return False
