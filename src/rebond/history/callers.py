"""Who runs the program, as records name him."""

import getpass
import os
import socket


def find_user() -> str:
    """Return the name of whoever runs this, or his number: a container may have no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.geteuid())


def name_caller() -> str:
    """Return user and machine, for others to ask."""
    return f"{find_user()}@{socket.gethostname()}"
