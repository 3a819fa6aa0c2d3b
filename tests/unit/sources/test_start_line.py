"""The line that starts a data directory: a port that is free, the programs of its version, a user who comes there."""

import os
import pathlib
import shutil
import socket

import pytest

from rebond.sources.postgres_physical.start_line import find_start_line


def lay(folder: pathlib.Path, *, major: str = "15") -> pathlib.Path:
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text(f"{major}\n")
    return data


def test_a_version_that_is_not_here_is_said_with_where_its_package_puts_it(tmp_path: pathlib.Path) -> None:
    found = find_start_line(lay(tmp_path, major="9999"), {})
    assert (found.major, found.is_installed) == ("9999", False)
    assert f"/usr/lib/postgresql/9999/bin/pg_ctl -D {tmp_path}/data " in found.command


def test_the_port_is_that_of_the_configuration_or_the_next_that_is_free(tmp_path: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        # The second file wins, and the last line of it; what is commented out counts for nothing.
        data = lay(tmp_path)
        (data / "postgresql.conf").write_text("port = 1\n")
        (data / "postgresql.auto.conf").write_text(f"port = 2\n  PORT '{port}' # ours\n#port = 3\nsupport = 4\n")
        found = find_start_line(data, {})
        assert found.port > port
        assert f"'-p {found.port} -k /tmp'" in found.command
        assert f"-p {found.port} " in found.ask


@pytest.mark.judge("root")
def test_root_starts_it_as_its_owner_and_is_told_where_that_one_does_not_pass(tmp_path: pathlib.Path) -> None:
    closed = tmp_path / "closed"
    data = lay(closed)
    for each in (tmp_path, *tmp_path.parents):
        each.chmod(each.stat().st_mode | 0o001)
    closed.chmod(0o700)
    for each in (data, data / "PG_VERSION"):
        shutil.chown(each, "nobody")
    found = find_start_line(data, {})
    assert found.command.startswith("runuser -u nobody -- ")
    assert (found.user, found.closed) == ("nobody", str(closed))
    closed.chmod(0o711)
    assert find_start_line(data, {}).closed == ""

    os.chown(data / "PG_VERSION", 54_321, 54_322)  # nobody here has that number
    assert find_start_line(data, {}).command.startswith("setpriv --reuid=54321 --regid=54322 --clear-groups ")
    os.chown(data / "PG_VERSION", 0, 0)  # PostgreSQL does not run as root
    assert find_start_line(data, {}).command.startswith(f"chown -R postgres: {data} && runuser -u postgres -- ")
