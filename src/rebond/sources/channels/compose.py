"""How compose is called on this machine: as a part of docker, or as the program that it was before."""

import shutil
from collections.abc import Mapping

from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.channels.clients import DOCKER_COMPOSE, OLD_DOCKER_COMPOSE
from rebond.sources.streams.readers import CommandReader

_PATIENCE_SECONDS = 30


def find_compose(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words that call compose. Raises ``SourceUnfit`` when there is none in any of its forms."""
    if shutil.which("docker", path=environment.get("PATH")) and _answers((*DOCKER_COMPOSE, "version"), environment):
        return DOCKER_COMPOSE
    if shutil.which(OLD_DOCKER_COMPOSE[0], path=environment.get("PATH")):
        return OLD_DOCKER_COMPOSE
    raise SourceUnfit(
        "Neither 'docker compose' nor 'docker-compose' works here.",
        hint="Install the compose plugin of docker (package docker-compose-plugin or docker-compose-v2).",
    )


def _answers(words: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    try:
        command = CommandReader(words, environment=environment, timeout_seconds=_PATIENCE_SECONDS)
    except CommandFailed:
        return False
    try:
        room = memoryview(bytearray(4096))
        while command.readinto(room):
            pass
        return command.wait() == 0
    finally:
        command.close()
