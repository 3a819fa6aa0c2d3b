"""What docker, podman and kubectl say when they reach nothing: without the lines that only their makers read."""

import re

_NOISE = re.compile(r"[EWIF]\d{4} \d\d:\d\d:\d\d")  # how kubectl begins a line of its log
_UNREACHED = re.compile(
    r"cannot connect to the docker daemon|permission denied while trying to connect|unable to connect to the server|"
    r"failed to connect to the docker api|error during connect|error while fetching server api version|"
    r"the connection to the server|couldn't get current server api group list|cannot connect to podman",
    re.IGNORECASE,
)


def drop_noise(words: str) -> str:
    """Return the last words of a client, parted by `` | ``, without lines of its log where others are left."""
    parts = words.split(" | ")
    return " | ".join(each for each in parts if not _NOISE.match(each.strip())) or words


def reaches_nothing(words: str) -> bool:
    """Say whether a client failed because its engine or cluster did not answer, or not to this user."""
    return bool(_UNREACHED.search(words))
