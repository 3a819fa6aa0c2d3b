"""Pages whose checksum is not right: told one by one, and never taken for good."""

import re

from rebond.findings import Finding, Severity

_SAID = re.compile(r"checksum verification failed in file \"([^\"]+)\", block (\d+)")
MOST_TOLD = 1000


class DamagedPages:
    """Gathers what was found damaged while a data directory was read."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], None] = {}
        self._is_known_to_be_damaged = False

    def __bool__(self) -> bool:
        return bool(self._found) or self._is_known_to_be_damaged

    def add(self, path: str, block: int) -> None:
        """Take a page, counted from the start of its file."""
        if len(self._found) < MOST_TOLD:
            self._found[path.removeprefix("./"), block] = None

    def expect_some(self) -> None:
        """The server says that there are some, perhaps without naming them."""
        self._is_known_to_be_damaged = True

    def hear(self, words: str) -> None:
        """Take what a server warns of."""
        for path, block in _SAID.findall(words):
            self.add(path, int(block))

    def list_findings(self) -> list[Finding]:
        """Return a finding for each page, or one for all that nobody named."""
        if not self._found and self._is_known_to_be_damaged:
            return [
                Finding(
                    code="page-damaged",
                    severity=Severity.WARNING,
                    subject="data directory",
                    template="The server found pages whose checksum is wrong, and did not name them here.",
                    hint_template=_HINT,
                )
            ]
        return [_describe(path, block) for path, block in self._found]


_HINT = (
    "They were damaged before they were saved. See the server's log; pg_amcheck finds what they belong to. Keep an "
    "older snapshot (rebond hold ID --reason WHY), and restore that table from it."
)


def _describe(path: str, block: int) -> Finding:
    return Finding(
        code="page-damaged",
        severity=Severity.WARNING,
        subject=f"{path}:{block}",
        template="Page {block} of {path} is damaged: its checksum is wrong. It was saved as it is.",
        hint_template=_HINT,
        values={"path": path, "block": block},
    )
