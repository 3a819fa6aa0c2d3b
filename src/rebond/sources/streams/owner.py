"""The names behind the numbers of owners."""

import grp
import pwd


def name_of_user(uid: int) -> str:
    """Return the name of a user; empty when it has none here."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def name_of_group(gid: int) -> str:
    """Return the name of a group; empty when it has none here."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
