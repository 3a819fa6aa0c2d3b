"""The line that copies restored files into a container that keeps them in itself, where no restore in place reaches."""

import os
import shlex

from rebond.config.components import Component, Files, Secrets
from rebond.config.model import Loaded
from rebond.errors import SourceError, SourceUnfit
from rebond.operations.recovery.late_part import KeptInside
from rebond.sources.channels.addresses import Client
from rebond.sources.channels.clients import Inside, Surroundings, build_arguments
from rebond.stack.contained_files import want_below
from rebond.stack.contained_places import find_landing, find_top_of, paths_of
from rebond.stack.mounted_places import is_made
from rebond.stack.surroundings import address_of, describe_surroundings
from rebond.stack.whereabouts import resolver_of

_UNPACK = 'mkdir -p "$1" && tar -xpf - -C "$1"'
_ROOT = "0"  # whoever the container runs as may mostly give files to nobody


def keeps_in_itself(name: str, component: Component, loaded: Loaded) -> bool:
    """Say whether a container is there that has the files of a component in no folder of this machine.

    What Kubernetes runs always counts as one: where its volumes lie is its own affair.
    """
    if component.inside is None or component.inside.engine == Client.KUBERNETES:
        return component.inside is not None
    try:
        find_landing(name, component, loaded)
    except KeptInside:
        return is_made(component, loaded)
    except SourceError:
        return False
    return False


def copy_line(name: str, component: Component, loaded: Loaded, folder: str, *, is_single: bool) -> str:
    """Return the line for a shell that copies what ``restore --to FOLDER`` brought into the running container.

    Empty where there is none: a database that somebody may have open is not copied over. ``is_single`` says that the
    component is one file. What is there and is not in the snapshot stays.
    """
    if component.inside is None or not isinstance(component, Files | Secrets):
        return ""
    tree, top = os.path.join(folder, name), os.fsdecode(find_top_of(component))
    if isinstance(component, Secrets) and (component.kubernetes is not None or component.hashicorp is not None):
        tree = os.path.join(tree, "files")
    tree = shlex.quote(tree)
    if isinstance(component, Files) and is_single:
        top = os.path.dirname(top)
    elif isinstance(component, Files) and _is_one_folder(component):  # with its own look
        return f"tar --numeric-owner -C {tree} -cf - . | {_unpack_inside(component, loaded, top)}"
    # The folders that single files lie in are not the component's: they keep their owners and modes.
    found = f"( cd {tree} && find . ! -type d -print0 | tar --numeric-owner --null -T - -cf - )"
    return f"{found} | {_unpack_inside(component, loaded, top)}"


def _is_one_folder(component: Files) -> bool:
    return [want_below(b"", each).is_pattern for each in paths_of(component)] == [False]


def _unpack_inside(component: Component, loaded: Loaded, top: str) -> str:
    assert component.inside is not None  # noqa: S101 - the caller looked
    address = address_of(component.inside)
    try:
        surroundings = describe_surroundings(loaded, resolver_of(loaded), address)
    except SourceUnfit:  # compose is missing here still, and said to be
        surroundings = Surroundings(
            compose_files=tuple(str(loaded.root / each) for each in loaded.configuration.stack.compose)
        )
    user = "" if address.client is Client.KUBERNETES else _ROOT
    words = ("sh", "-c", _UNPACK, "sh", top)
    return shlex.join(build_arguments(address, words, surroundings, Inside(user=user, reads_input=True)))
