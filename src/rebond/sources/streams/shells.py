"""Shell scripts as commands in which every program counts: in a row (``-e``) and in a pipeline."""

import os
import shutil
from collections.abc import Mapping, Sequence

from rebond.errors import SourceUnfit

SHELLS = frozenset({"sh", "bash", "dash", "ksh", "zsh"})
_WITH_PIPEFAIL = """\
if (set -o pipefail) 2>/dev/null; then set -e -o pipefail; eval "$0"
elif command -v bash >/dev/null; then exec bash -e -o pipefail -c "$0"
else echo "a pipeline needs bash, or a sh that knows pipefail" >&2; exit 122
fi"""


def loses_failures(words: Sequence[str]) -> bool:
    """Say whether a command is a shell with a pipeline in which a failure would go unseen."""
    if os.path.basename(words[0]) not in SHELLS or "-c" not in words[:-1]:
        return False
    script = words[words.index("-c") + 1]
    return has_pipeline(script) and not any("pipefail" in word for word in words)


def has_pipeline(script: str) -> bool:
    """Say whether a script may hold a pipeline; a ``|`` inside quotes counts too."""
    return "|" in script.replace("||", "")


def wrap_script(script: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that runs a script on this machine: by ``sh``, or by ``bash`` where it has a pipeline.

    Raises ``SourceUnfit`` when it has one and there is no ``bash``.
    """
    if not has_pipeline(script):
        return ("sh", "-e", "-c", script)
    if shutil.which("bash", path=environment.get("PATH")) is None:
        raise SourceUnfit(
            "A pipeline needs bash, which is not installed here: other shells do not see when its first program fails.",
            hint="Install bash, or write the command without a pipeline.",
        )
    return ("bash", "-e", "-o", "pipefail", "-c", script)


def wrap_script_inside(script: str) -> tuple[str, ...]:
    """Return the command that runs a script inside a container, of which only ``sh`` is known.

    Where neither it nor ``bash`` can tell that the first program of a pipeline fails, it ends with status 122.
    """
    return ("sh", "-c", _WITH_PIPEFAIL, script) if has_pipeline(script) else ("sh", "-e", "-c", script)
