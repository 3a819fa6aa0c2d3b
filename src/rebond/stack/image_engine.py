"""The engine of this machine, as images are loaded into it."""

import contextlib
from collections.abc import Iterable

from rebond.config.model import Loaded
from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.sources.channels.inspecting import says_missing
from rebond.sources.streams.whole_output import read_output
from rebond.stack.whereabouts import Place

_NOTHING = Secret("")


class ImageEngine:
    """``docker`` or ``podman``, as ``find_engine`` names it."""

    def __init__(self, client: str, loaded: Loaded) -> None:
        self._client = client
        self._here = Place(loaded=loaded)

    def find(self, name: str) -> str:
        """Return the id of what a name or an id means; empty when it means nothing. Raises ``SourceError``."""
        try:
            answer = self._here.ask((self._client, "image", "inspect", "--format", "{{.Id}}", name))
        except CommandFailed as error:
            if says_missing(error):
                return ""
            raise
        return answer.decode(errors="replace").strip()

    def load(self, content: Iterable[bytes]) -> None:
        """Take in an image as ``save`` wrote it. Raises ``SourceError``."""
        reader = self._here.open((self._client, "load"), given=_NOTHING, keeps_input=True)
        try:
            with contextlib.suppress(BrokenPipeError):  # then its end says why
                for block in content:
                    reader.feed(block)
            reader.end_input()
            read_output(lambda: reader, program=self._client)
        finally:
            reader.close()
