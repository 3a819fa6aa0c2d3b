"""The line that copies restored files into a container that keeps them in itself, where no restore in place reaches."""

import os
import shlex

from rebond.config.components import Component, Files, Secrets
from rebond.config.model import Loaded
from rebond.errors import SourceError, SourceUnfit
from rebond.operations.browsing import holds_single_file
from rebond.operations.recovery.late_part import KeptInside
from rebond.operations.recovery.parts import Source
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.clients import Inside, Surroundings, build_arguments
from rebond.stack.contained_places import find_landing, find_top_of, paths_of
from rebond.stack.mounted_places import is_made
from rebond.stack.surroundings import address_of, describe_surroundings
from rebond.stack.wanted_inside import want_below
from rebond.stack.whereabouts import find_folder, resolver_of
from rebond.vault.reading import SnapshotReader

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
    address = _find_container(component, loaded)
    if address is None or not isinstance(component, Files | Secrets):
        return ""
    tree, top = os.path.join(folder, name), os.fsdecode(find_top_of(component, _find_start(component, loaded)))
    if isinstance(component, Secrets) and (component.kubernetes is not None or component.hashicorp is not None):
        tree = os.path.join(tree, "files")
    tree = shlex.quote(tree)
    if isinstance(component, Files) and is_single:
        top = os.path.dirname(top)
    elif isinstance(component, Files) and _is_one_folder(component):  # with its own look
        return f"tar --numeric-owner -C {tree} -cf - . | {_unpack_inside(address, loaded, top)}"
    # The folders that single files lie in are not the component's: they keep their owners and modes.
    found = f"( cd {tree} && find . ! -type d -print0 | tar --numeric-owner --null -T - -cf - )"
    return f"{found} | {_unpack_inside(address, loaded, top)}"


def tell_copy(error: KeptInside, component: Component, loaded: Loaded, source: Source | None) -> SourceError:
    """Return why a component of a container has no place here, with the line that copies it there where one can.

    ``source`` is where its content comes from.
    """
    name = str(error.values["component"])
    if component.inside is not None and not keeps_in_itself(name, component, loaded):
        return error if component.inside.engine == Client.COMPOSE else _not_made(error)
    if source is None:
        return error
    folder, snapshot = f"{loaded.root}-{name}", source.record.snapshot.hex()[:12]
    with source.reading() as reader:
        is_single = holds_only_its_file(name, component, reader)
    copied = copy_line(name, component, loaded, folder, is_single=is_single)
    if not copied:
        return error
    return SourceUnfit(
        "{place} keeps the files of {component} where no restore in place reaches: in itself, or on an engine that is "
        "elsewhere.",
        hint="This copies them into it, and deletes nothing there: {command}",
        **{
            **error.values,
            "command": f"{shlex.join(['rebond', 'restore', snapshot, name, '--to', folder])} && {copied}",
        },
    )


def _not_made(error: KeptInside) -> SourceError:
    return SourceUnfit(
        "{place}, where the files of {component} belong, is not there.",
        hint="Make it as it was made before, then run the same command again. Or bring them below a directory with "
        "--to DIR.",
        **error.values,
    )


def holds_only_its_file(name: str, component: Component, reader: SnapshotReader) -> bool:
    """Say whether all that was saved of a component is the one file that it names."""
    paths = paths_of(component)
    found = next((each for each in reader.components if each.name == name), None)
    wanted = os.path.basename(os.fsencode(paths[0]))
    return found is not None and len(paths) == 1 and holds_single_file(reader, found, wanted)


def _find_container(component: Component, loaded: Loaded) -> Address | None:
    """Return the container that files are copied into: of a volume one that runs and has it, where only that has."""
    if component.inside is not None:
        return address_of(component.inside)
    return find_folder(component, loaded)[0].address if component.volume is not None else None


def _find_start(component: Component, loaded: Loaded) -> bytes:
    """Return where paths begin in that container."""
    return find_folder(component, loaded)[1] if component.volume is not None else b""


def _is_one_folder(component: Files) -> bool:
    return [want_below(b"", each).is_pattern for each in paths_of(component)] == [False]


def _unpack_inside(address: Address, loaded: Loaded, top: str) -> str:
    try:
        surroundings = describe_surroundings(loaded, resolver_of(loaded), address)
    except SourceUnfit:  # compose is missing here still, and said to be
        surroundings = Surroundings(
            compose_files=tuple(str(loaded.root / each) for each in loaded.configuration.stack.compose)
        )
    user = "" if address.client is Client.KUBERNETES else _ROOT
    words = ("sh", "-c", _UNPACK, "sh", top)
    return shlex.join(build_arguments(address, words, surroundings, Inside(user=user, reads_input=True)))
