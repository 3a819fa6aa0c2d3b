"""Addresses of what a command can be run inside of: ``compose:db``, ``kubernetes:statefulset/postgres/main``."""

import enum
import re

from msgspec import Struct

from rebond.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # never an option: a name begins with a letter or a digit
_KIND = re.compile(r"[a-z]+(\.[a-z0-9.-]+)?")


class Client(enum.StrEnum):
    """Which program leads inside."""

    COMPOSE = "compose"
    DOCKER = "docker"
    PODMAN = "podman"
    KUBERNETES = "kubernetes"


class Address(Struct, frozen=True, kw_only=True):
    """Where a command is to run. ``kind`` and ``container`` are of Kubernetes alone."""

    client: Client
    name: str
    kind: str = ""
    container: str = ""

    def __str__(self) -> str:
        parts = [part for part in (self.kind, self.name, self.container) if part]
        return f"{self.client}:{'/'.join(parts)}"


def parse_address(text: str) -> Address:
    """Read ``compose:NAME``, ``docker:NAME``, ``podman:NAME`` or ``kubernetes:KIND/NAME[/CONTAINER]``.

    Raises ``UsageError``.
    """
    scheme, mark, rest = text.partition(":")
    if not mark or scheme not in set(Client):
        raise _bad(text)
    client = Client(scheme)
    if client is not Client.KUBERNETES:
        if not _NAME.fullmatch(rest):
            raise _bad(text)
        return Address(client=client, name=rest)
    kind, *names = rest.split("/")
    if len(names) not in (1, 2) or not _KIND.fullmatch(kind) or not all(_NAME.fullmatch(each) for each in names):
        raise _bad(text)
    return Address(client=client, kind=kind, name=names[0], container=names[1] if len(names) == 2 else "")


def _bad(text: str) -> UsageError:
    return UsageError(
        "'{text}' is no address of a container.",
        hint="Write compose:NAME, docker:NAME, podman:NAME or kubernetes:KIND/NAME[/CONTAINER].",
        text=text,
    )
