"""Whether a name reaches the container that is called so: the engines take the beginning of an id for a name, too."""

import re
from collections.abc import Mapping

from rebond.errors import CommandFailed, SourceUnreachable
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output

_LIKE_AN_ID = re.compile(r"[0-9a-f]{1,11}")  # who writes twelve digits, as the engines show them, means the id
_FORMAT, _ANSWER = "name={{.Name}}=", re.compile(r"name=/?([^={}]+)=")  # whatever a client says besides
_ASK_SECONDS = 60.0


def require_own_name(address: Address, environment: Mapping[str, str]) -> None:
    """Raise ``SourceUnreachable`` where docker or podman would take a name for the id of another container.

    ``db`` is the name of many, and one id in 256 begins so: when that container is gone, it would be any other.
    """
    if address.client not in {Client.DOCKER, Client.PODMAN} or not _LIKE_AN_ID.fullmatch(address.name):
        return
    words = [address.client.value, "container", "inspect", "--format", _FORMAT, address.name]
    try:
        answer = read_output(
            lambda: CommandReader(words, environment=environment, timeout_seconds=_ASK_SECONDS), program=words[0]
        )
    except CommandFailed:  # there is none, or no engine: what is to be done there fails, and says why
        return
    others = _ANSWER.findall(answer.decode(errors="backslashreplace"))
    if others[-1:] != [address.name]:
        raise SourceUnreachable(
            "No container is called {name}: {client} takes that for the beginning of an id, and means {other}.",
            hint="See '{client} ps --all'; start the container {name}, or write the name that it has now.",
            name=address.name,
            client=address.client.value,
            other=others[-1] if others else "–",
        )
