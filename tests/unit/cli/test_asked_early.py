"""What a distant vault is asked before the command line is parsed: never more, never with another outcome."""

import os
import pathlib
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.unit.cli.program_runs import PASSPHRASE, Answer, Program, plant_shop

from rebond.cli.vaults import asked_early
from rebond.cli.vaults.asked_early import ask_early, take_asked, were_in_vain
from rebond.testing.s3_server import S3Server


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, Program]]:
    folder = tmp_path_factory.mktemp("early")
    plant_shop(folder / "shop")
    with S3Server() as server:
        program = Program(folder, REBOND_VAULT=server.url("bucket/vault"), HOME=str(folder), **server.environment)
        program.good("vault", "create", "--kit", folder / "kit.txt")
        program.good("backup", "--path", folder / "shop", "--quiet")
        yield server, program


@pytest.fixture(autouse=True)
def nothing_left(
    saved: tuple[S3Server, Program], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> Iterator[None]:
    """Stand in an empty folder, with a server's credentials and a state of one's own."""
    monkeypatch.chdir(tmp_path)
    for name, text in saved[0].environment.items():
        monkeypatch.setenv(name, text)
    saved[1].environment["REBOND_STATE_DIR"] = str(tmp_path / "state")
    yield
    for each in asked_early._asked:
        each.ahead.finish()
        if each.opening is not None:
            each.opening.opener.shutdown()
    asked_early._asked.clear()


def call(program: Program, *words: str, early: bool) -> Answer:
    """Run a command as the real program does, from empty caches, with or without the early questions."""
    environment = {name: text for name, text in program.environment.items() if name != "REBOND_CONFIG"}
    if early:
        ask_early(words, environment)
    return program(*words)


def requests_of(server: S3Server, program: Program, *words: str, early: bool) -> Counter[str]:
    cache = str(program.folder / f"cache-{early}-{words[0]}")
    program.environment["REBOND_CACHE_DIR"] = cache
    server.requests.clear()
    assert call(program, *words, early=early).status == 0
    assert not were_in_vain()
    # Sessions and run records have names that are drawn anew.
    return Counter(each for each in server.requests if "/streams/" not in each)


def test_the_same_questions_are_asked_and_none_of_them_twice(
    saved: tuple[S3Server, Program], tmp_path: pathlib.Path
) -> None:
    server, program = saved
    for number, words in enumerate((("ls", "latest"), ("restore", "latest", "--quiet"), ("snapshots",))):
        found = []
        for early in (False, True):
            target = ("--to", str(tmp_path / f"{number}-{early}")) if words[0] == "restore" else ()
            asked = requests_of(server, program, *words, *target, early=early)
            if words[0] != "restore":  # no list of packs is needed: one is read ahead, and given up if it is slow
                asked = Counter({each: count for each, count in asked.items() if "/vault/index/" not in each})
            found.append(asked)
        assert found[0] == found[1]
    assert sorted(os.listdir(tmp_path / "1-True" / "shop")) == sorted(os.listdir(tmp_path / "1-False" / "shop"))


def test_nothing_is_asked_where_it_is_not_plain_what_is_meant(
    saved: tuple[S3Server, Program], tmp_path: pathlib.Path
) -> None:
    server, program = saved
    server.requests.clear()
    for words in (("restore", "--help"), ("backup",), ("prune",), (), ("ls", "latest", "--config", "there.toml")):
        ask_early(words, program.environment)
    ask_early(("ls", "latest", "--vault", str(tmp_path)), program.environment)
    ask_early(("ls", "latest"), {**program.environment, "REBOND_CONFIG": "there.toml"})
    (tmp_path / "rebond.toml").write_text("")
    ask_early(("ls", "latest"), program.environment)
    assert not were_in_vain()
    assert server.requests == []


def test_a_wrong_passphrase_ends_as_it_always_does(saved: tuple[S3Server, Program], tmp_path: pathlib.Path) -> None:
    _, program = saved
    other = Program(tmp_path, **{**program.environment, "REBOND_PASSPHRASE": PASSPHRASE + "!"})
    usual = call(other, "ls", "latest", early=False)
    early = call(other, "ls", "latest", early=True)
    assert (usual.status, usual.err) == (early.status, early.err)
    assert usual.status == 12


def test_nothing_is_remembered_of_a_vault_before_somebody_uses_it(
    saved: tuple[S3Server, Program], tmp_path: pathlib.Path
) -> None:
    _, program = saved
    ask_early(("ls", "latest"), program.environment)
    asked = take_asked(program.environment["REBOND_VAULT"])
    assert asked is not None
    assert asked.opening is not None
    assert asked.opening.result.result().keyring is not None
    assert not (tmp_path / "state").exists()
    asked.opening.opener.shutdown()
    asked.ahead.finish()
    asked.store.close()
    call(program, "ls", "latest", early=True)
    assert len(list((tmp_path / "state" / "vaults").glob("*.json"))) == 1


def test_a_vault_that_somebody_replaced_is_refused_also_when_it_was_asked_early(
    saved: tuple[S3Server, Program], tmp_path: pathlib.Path
) -> None:
    _, program = saved
    call(program, "ls", "latest", early=True)
    (pin,) = (tmp_path / "state" / "vaults").glob("*.json")
    head, mark, rest = pin.read_text().partition('"owner_verify_key"')
    place = rest.index('"') + 1
    pin.write_text(head + mark + rest[:place] + ("1" if rest[place] == "0" else "0") + rest[place + 1 :])
    answer = call(program, "ls", "latest", early=True)
    assert answer.status == 4
    assert "somebody replaced the vault" in answer.err


def test_a_line_that_is_wrong_ends_at_once_though_the_store_never_answers(tmp_path: pathlib.Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        address = f"s3://bucket/vault?endpoint=http://127.0.0.1:{silent.getsockname()[1]}&region=us-east-1"
        environment = {
            **os.environ,
            "REBOND_VAULT": address,
            "REBOND_PASSPHRASE": "x",
            "REBOND_STATE_DIR": str(tmp_path),
            "REBOND_LANG": "en",
            "HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", "from rebond.cli.entry import main; main()", "ls", "--nonsense"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=25,  # a request is given up after thirty seconds, and made again
            check=False,
        )
    assert done.returncode == 2
    assert b"--nonsense" in done.stderr


@pytest.mark.parametrize("words", ["snapshots", "backup"])
def test_a_key_that_is_not_there_is_told_and_the_end_though_the_store_never_answers(
    tmp_path: pathlib.Path, words: str
) -> None:
    """The process stayed for 25 seconds and more behind its last word: who called it saw nothing until then."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        address = f"s3://bucket/vault?endpoint=http://127.0.0.1:{silent.getsockname()[1]}&region=us-east-1"
        (tmp_path / "rebond.toml").write_text(
            f'version = 1\n[stack]\nname = "shop"\n[vault]\nurl = "{address}"\nkey = {{ env = "NO_SUCH_KEY" }}\n'
            '[component.files]\nkind = "files"\npath = "."\n'
        )
        done = subprocess.run(
            [sys.executable, "-c", "from rebond.cli.entry import main; main()", words],
            env={**os.environ, "REBOND_STATE_DIR": str(tmp_path / "state"), "REBOND_LANG": "en", "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            timeout=25,  # a request is given up after thirty seconds, and made again
            check=False,
        )
    assert done.returncode == 2
    assert b"NO_SUCH_KEY" in done.stderr
