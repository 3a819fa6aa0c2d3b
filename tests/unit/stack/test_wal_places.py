"""Where the daemon of the log listens: its folder may be passed by the user of the server, and is nobody else's."""

import os
import socket
from pathlib import Path

import pytest

from rebond.config.components import Postgres
from rebond.errors import UsageError
from rebond.stack.wal_lines import archive_command, list_settings, quote_setting, restore_command
from rebond.stack.wal_places import find_barrier, find_user, is_answered, make_socket_folder


def test_the_folder_of_the_socket_may_be_passed_whatever_is_masked(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0o077)
    try:
        make_socket_folder(tmp_path / "run" / "shop.sock")
    finally:
        os.umask(before)

    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o711


@pytest.mark.root
def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", 12345, 12345)

    with pytest.raises(UsageError, match="somebody else's"):
        make_socket_folder(tmp_path / "run" / "shop.sock")


def test_the_first_folder_that_a_user_may_not_pass_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    barrier = find_barrier(closed / "open" / "wal.sock", 54321)
    closed.chmod(0o711)

    assert barrier != ""
    assert Path(barrier) in (closed, *closed.parents)
    assert find_barrier(closed / "open" / "wal.sock", 54321) != str(closed)
    assert find_barrier(closed / "open" / "wal.sock", 0) == ""
    assert find_barrier(tmp_path / "nowhere" / "wal.sock", 0) == str(tmp_path / "nowhere")


def test_a_user_is_found_by_name_or_number() -> None:
    assert (find_user("root"), find_user("999"), find_user("nobody of that name")) == (0, 999, None)


def test_the_lines_survive_the_shell_and_the_file_of_settings() -> None:
    command = archive_command(
        configuration=Path("/etc/it's 100%.toml"), socket=Path("/run/a b.sock"), component="db", program="rebond-wal"
    )

    assert command == (
        "rebond-wal --config '/etc/it'\"'\"'s 100%%.toml' --socket '/run/a b.sock' --component db push \"%p\""
    )
    assert quote_setting("it's") == "'it''s'"
    assert (
        restore_command(configuration=Path("/c"), system_id=7, program="p")
        == 'p --config /c --system 7 fetch "%f" "%p"'
    )


@pytest.mark.parametrize(("rpo", "timeout"), [(None, "60s"), (30, "30s"), (3600, "60s")], ids=["none", "short", "long"])
def test_a_segment_is_forced_as_often_as_the_objective_asks(rpo: int | None, timeout: str) -> None:
    component = Postgres(kind="postgres", method="physical", wal="archive-command", rpo=rpo)
    lines = {name: value for name, value, _ in list_settings(component, command="push", major=15)}

    assert lines["archive_timeout"] == timeout
    assert "summarize_wal" not in lines


def test_a_slot_is_bounded() -> None:
    component = Postgres(kind="postgres", method="physical", wal="receive")
    lines = {name: value for name, value, _ in list_settings(component, command="", major=18)}

    assert lines["max_slot_wal_keep_size"] == "20GB"
    assert lines["idle_replication_slot_timeout"] == "0"
    assert "archive_mode" not in lines


def test_a_socket_that_a_killed_daemon_left_behind_is_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not is_answered(path)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(path))
        daemon.listen()
        assert is_answered(path)

    assert path.exists()
    assert not is_answered(path)
