"""The parts of the service: its socket, its word to systemd, its looks, its configuration."""

import errno
import json
import os
import pathlib
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from itertools import pairwise

import pytest
from tests.unit.schedule.stack_written import CONFIGURATION
from tests.unit.service.asked_service import ask_service

from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Loaded
from rebond.errors import ConfigError
from rebond.schedule.deciding import Signs
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.stack_folders import socket_of
from rebond.service import connections
from rebond.service.asking import questions_answered
from rebond.service.configurations import Configurations
from rebond.service.health import health_answered
from rebond.service.readiness import tell_systemd
from rebond.service.waking import Waker
from rebond.service.watches import Watches
from rebond.testing.manual_clock import ManualClock

SECRETS = Job(deed=Deed.BACKUP, class_name="secrets", trigger="change")


@pytest.mark.parametrize("is_abstract", [True, False])
def test_systemd_hears_that_the_service_is_ready(is_abstract: bool, tmp_path: pathlib.Path) -> None:
    name = f"rebond-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if is_abstract else name)
        listener.settimeout(10)
        tell_systemd({"NOTIFY_SOCKET": f"@{name}" if is_abstract else name}, "READY=1", "STATUS=well")
        assert listener.recv(1000) == b"READY=1\nSTATUS=well"


def test_nobody_who_listens_is_no_failure(tmp_path: pathlib.Path) -> None:
    tell_systemd({}, "READY=1")
    tell_systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}, "READY=1")
    assert list(tmp_path.iterdir()) == []  # and it makes no socket of its own either


def test_the_socket_answers_whoever_asks_and_survives_nonsense(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "serve.sock"
    path.write_text("left behind by a service that was killed")
    with questions_answered(path, lambda word: {"heard": word}):
        assert path.stat().st_mode & 0o777 == 0o600
        assert ask_service(path, "status") == {"heard": "status"}
        for nonsense in (b"\xff\xfe\n", b"[]\n", b'{"ask": 3}\n', b"", b"x" * 100_000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                assert "error" in json.loads(connection.makefile("rb").readline())
        assert ask_service(path, "again") == {"heard": "again"}
    assert not path.exists()
    assert ask_service(path, "status") is None


def test_a_change_counts_once_two_looks_agree_and_long_looks_are_rare() -> None:
    clock, states, looks = ManualClock(), ["a", "b", "b", "c"], []

    def observe(job: Job) -> Signs:
        clock.advance(0.5)
        looks.append(clock.monotonic())
        return Signs(state=states[min(len(looks) - 1, 3)])

    watches = Watches(observe, clock)
    seen = []
    for _ in range(60):
        found = watches.look(SECRETS)
        seen.append(found.state if found else None)
        clock.advance(1)
    assert [each for each, before in zip(seen, [None, *seen], strict=False) if each != before] == ["b", None, "c"]
    assert min(later - earlier for earlier, later in pairwise(looks)) >= 10


def test_what_never_comes_to_rest_is_saved_every_twenty_seconds() -> None:
    clock, looks = ManualClock(), []

    def observe(job: Job) -> Signs:
        looks.append(job)
        return Signs(state=str(len(looks)))

    watches, found = Watches(observe, clock), []
    for second in range(70):
        found += [second] if watches.look(SECRETS) else []
        clock.advance(1)
    assert found == [21, 43, 65]


def test_a_wait_is_ended_from_another_thread_and_before_it_began() -> None:
    waker = Waker()
    waker.wake()
    began = time.monotonic()
    waker.wait(30)
    threading.Timer(0.05, waker.wake).start()
    waker.wait(30)
    assert time.monotonic() - began < 10
    waker.close()
    waker_again = Waker()
    waker_again.wait(0.01)
    waker_again.close()


def test_a_configuration_that_cannot_be_used_keeps_the_last_good_one(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rebond.toml"
    path.write_text(CONFIGURATION)
    kept: list[Loaded] = []
    configurations = Configurations(lambda: load_configuration(path, {}), lambda _, good: kept.append(good))
    assert configurations.look() is False
    path.write_text(CONFIGURATION.replace('name = "shop"', 'nam = "shop"'))
    assert configurations.look() is True
    assert "nam" in configurations.fault
    assert configurations.current is kept[-1]
    path.unlink()
    assert configurations.look() is True
    assert configurations.fault
    path.write_text(CONFIGURATION.replace("*/20", "*/30"))
    assert configurations.look() is True
    assert configurations.fault == ""
    assert len(kept) == 2
    assert configurations.look(is_asked=True) is True
    path.write_text("")
    with pytest.raises(ConfigError):
        Configurations(lambda: load_configuration(path, {}), lambda *_: None)


def test_a_file_that_comes_to_be_included_is_read(tmp_path: pathlib.Path) -> None:
    path, folder = tmp_path / "rebond.toml", tmp_path / "conf.d"
    folder.mkdir()
    path.write_text(CONFIGURATION.replace("version = 1", 'version = 1\ninclude = ["conf.d/*.toml"]'))
    configurations = Configurations(lambda: load_configuration(path, {}), lambda *_: None)
    assert configurations.look() is False
    (folder / "more.toml").write_text('[class.hourly]\nschedule = "0 * * * *"\ncomponents = "all"\n')

    assert configurations.look() is True
    assert "hourly" in configurations.current.configuration.classes
    assert configurations.look() is False
    (folder / "more.toml").unlink()
    assert configurations.look() is True
    assert "hourly" not in configurations.current.configuration.classes


def test_variables_that_change_are_a_change_of_the_configuration(tmp_path: pathlib.Path) -> None:
    path, variables = tmp_path / "rebond.toml", tmp_path / ".env"
    variables.write_text("WHEN='0 3 * * *'\n")
    path.write_text(
        CONFIGURATION.replace('name = "shop"', 'name = "shop"\nenv = [".env"]').replace(
            '"30 2 * * *"', '{ env = "WHEN" }'
        )
    )
    configurations = Configurations(lambda: load_configuration(path, {}), lambda *_: None)
    variables.write_text("WHEN='30 4 * * *'\n")

    assert configurations.look() is True
    assert configurations.current.configuration.classes["daily"].schedule == "30 4 * * *"


def test_a_configuration_that_cannot_even_be_read_keeps_the_last_good_one(tmp_path: pathlib.Path) -> None:
    def load() -> Verdict:
        if are_read:
            raise RecursionError("what nobody thought of")
        are_read.append(path)
        return load_configuration(path, {})

    path = tmp_path / "rebond.toml"
    path.write_text(CONFIGURATION)
    are_read: list[pathlib.Path] = []
    configurations = Configurations(load, lambda *_: None)
    good = configurations.current

    assert configurations.look(is_asked=True) is True
    assert "RecursionError" in configurations.fault
    assert configurations.current is good


def test_what_is_written_while_it_is_read_is_read_once_more(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rebond.toml"
    path.write_text(CONFIGURATION)
    texts: list[str] = []

    def load() -> Verdict:
        verdict = load_configuration(path, {})
        if texts:
            path.write_text(texts.pop())  # somebody saves in this moment
        return verdict

    configurations = Configurations(load, lambda *_: None)
    path.write_text(CONFIGURATION + "# a first change\n")
    texts.append(CONFIGURATION.replace("*/20", "*/40"))
    assert configurations.look() is True
    assert configurations.look() is True

    assert configurations.current.configuration.classes["often"].schedule == "*/40 * * * *"
    assert configurations.look() is False


@pytest.mark.parametrize("listen", ["0.0.0.0:9550", "9550", "example.org:80", "127.0.0.1:0", "127.0.0.1:99999", ":80"])
def test_health_is_answered_on_this_machine_only(listen: str) -> None:
    with pytest.raises(ConfigError), health_answered(listen, dict):
        pass


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOMEM])
def test_a_machine_without_descriptors_for_a_moment_does_not_make_the_service_mute(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    accept, missing = socket.socket.accept, [number, number]

    def accept_later(listener: socket.socket) -> tuple[socket.socket, object]:
        if missing:
            raise OSError(missing.pop(), "planned by a test")
        return accept(listener)

    monkeypatch.setattr(connections, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(socket.socket, "accept", accept_later)
    with questions_answered(tmp_path / "s", lambda word: {"heard": word}):
        assert ask_service(tmp_path / "s", "still there", timeout_seconds=20) == {"heard": "still there"}
    assert not missing


def test_a_question_that_fails_costs_no_other_one_its_answer(tmp_path: pathlib.Path) -> None:
    def answer(word: str) -> Mapping[str, object]:
        if word == "fails":
            raise ValueError(word)
        return {"heard": word}

    with questions_answered(tmp_path / "s", answer):
        assert ask_service(tmp_path / "s", "fails", timeout_seconds=60) is None
        assert ask_service(tmp_path / "s", "goes on", timeout_seconds=60) == {"heard": "goes on"}


@pytest.mark.parametrize("has_a_place_of_its_own", [True, False])
def test_a_folder_whose_path_is_too_long_has_its_socket_elsewhere(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, has_a_place_of_its_own: bool
) -> None:
    runtime = pathlib.Path(tempfile.mkdtemp(prefix="r-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime if has_a_place_of_its_own else runtime / "not-there"))
    path = socket_of(tmp_path / ("long" * 30))

    with questions_answered(path, lambda word: {"heard": word}):
        assert ask_service(path, "well") == {"heard": "well"}

    assert path.parent == runtime or not has_a_place_of_its_own
    assert len(str(path)) < 100
    assert path.parent.stat().st_uid == os.geteuid()
    runtime.rmdir()
