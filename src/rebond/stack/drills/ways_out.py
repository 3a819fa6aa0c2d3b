"""What a check says that leads out of a drill: to another user, or to the socket of a live server by its path.

A drill cuts its commands off from every network, and its variables lead to the throw-away servers. A file they reach by
its path, and ``sudo`` takes those variables away. Only what is written in the check itself is seen here, before it is
run; what a script does inside finds those places hidden, where the system allows it.
"""

import re
import shlex
import urllib.parse
from collections.abc import Iterator

from rebond.config.components import Mysql, Postgres, Redis
from rebond.config.model import Loaded
from rebond.config.steps import Run
from rebond.errors import RebondError
from rebond.stack.whereabouts import words_of

USUAL_FOLDERS = tuple(f"{top}/{name}" for name in ("postgresql", "mysqld", "redis") for top in ("/run", "/var/run"))
OTHER_USERS = ("sudo", "su", "runuser", "doas", "pkexec")
# Where a command begins: another program may run it, variables may stand before it.
_OTHER_USER = re.compile(
    r"(?:^|[;&|(`{!\n]|\b(?:if|then|else|elif|do|while|until|exec|env|time|nohup|command)\s)\s*"
    r"(?:[A-Za-z_]\w*=\S*\s+)*(?:/[\w./-]*/)?(?P<program>" + "|".join(OTHER_USERS) + r")(?![\w./=-])"
)


def find_way_out(run: Run, loaded: Loaded | None) -> str:
    """Return what in a command leads out of a drill, as it stands there; empty where nothing does."""
    text = run if isinstance(run, str) else shlex.join(run)
    if found := _OTHER_USER.search(text):
        return found["program"]
    written = urllib.parse.unquote(text)
    for socket in (*list_sockets(loaded), *USUAL_FOLDERS):
        if re.search(rf"(?<![\w./-]){re.escape(socket)}/?(?:(?![\w./-])|/?\.s\.PGSQL\.|/[\w.-]+\.sock\b)", written):
            return socket
    return ""


def list_sockets(loaded: Loaded | None) -> Iterator[str]:
    """Yield where the configuration says that servers of this machine have their sockets."""
    for component in loaded.configuration.component.values() if loaded else ():
        if not isinstance(component, Postgres | Mysql | Redis) or component.inside is not None:
            continue
        try:
            host = words_of(component.host, loaded) if loaded else ""
        except RebondError:
            continue  # what it refers to did not come back: nobody can have written it out
        if host.startswith("/") and host.strip("/"):
            yield host.rstrip("/")
