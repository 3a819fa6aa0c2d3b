"""The shell that watches over a server which is thrown away: whatever becomes of us, the server ends."""

import os
import pathlib
import subprocess
import sys
import time

from rebond.sources.streams.throw_away import watch

DEAF = """
import pathlib, signal, sys, time
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(1)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
time.sleep(60)
"""


def test_a_server_that_hears_nothing_yet_is_told_again(tmp_path: pathlib.Path) -> None:
    """We were killed while it began: the only signal was lost, and it ran for ever."""
    words = watch([sys.executable, "-c", DEAF, str(tmp_path / "deaf")], signal="QUIT")
    environment = {**os.environ, "REBOND_SERVER_LOG": str(tmp_path / "log")}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, start_new_session=True) as watched:
        assert watched.stdin is not None
        while not (tmp_path / "deaf").exists():
            time.sleep(0.01)
        watched.stdin.close()
        began = time.monotonic()
        watched.wait(30)
        assert time.monotonic() - began < 20
