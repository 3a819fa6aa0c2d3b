"""What is printed while the bar is drawn comes out as it was written."""

import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

COMMAND = "  $ rebond restore --accept 1820 --vault s3://bucket/a-vault-with-a-long-name --config /etc/rebond/shop.toml"
PROGRAM = f"""
import sys
from rebond.cli.output.progress_bar import Bar
from rebond.clock import SystemClock
from rebond.findings import Finding, Severity

bar = Bar(SystemClock())
print({COMMAND!r}, file=sys.stderr)
print({COMMAND!r})
bar.noticed(Finding(code="any", severity=Severity.NOTE, subject="any", template={COMMAND!r}))
bar.close()
"""
COLUMNS = 40


def test_a_command_that_is_printed_beside_the_bar_stays_one_line() -> None:
    """It was broken at the width of the terminal, and what was pasted ran half of it."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # the other end has gone
        pass
    finally:
        os.close(ours)
    assert process.wait(20) == 0
    assert said.count(COMMAND.strip().encode()) == 3, said
