"""Where a secret comes from, and in what order."""

import io
import pathlib

import pytest

from rebond.cli.invocation import Invocation
from rebond.cli.output import drawn
from rebond.cli.vaults import key_at_hand
from rebond.cli.vaults.key_at_hand import find_key, find_passphrase
from rebond.errors import RebondError, UsageError, WrongKey
from rebond.secret import Secret
from rebond.vault.slots import SlotMethod, SlotSecret


def surroundings(**environment: object) -> Invocation:
    """Make an invocation that sees this environment only."""
    return Invocation(environment={"PATH": "/usr/bin:/bin", **{name: str(text) for name, text in environment.items()}})


@pytest.fixture
def passphrase_file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "passphrase"
    path.write_bytes(b"from the file\r\nnot this line\n")
    return path


def test_the_passphrase_itself_comes_before_its_file_and_the_file_before_a_command(
    passphrase_file: pathlib.Path,
) -> None:
    command = "echo from the command"
    ways = {
        "REBOND_PASSPHRASE": "from the variable",
        "REBOND_PASSPHRASE_FILE": passphrase_file,
        "REBOND_PASSPHRASE_COMMAND": command,
    }
    found = []
    while ways:
        found.append(find_passphrase(surroundings(**ways)))
        del ways[next(iter(ways))]

    assert found == [Secret("from the variable"), Secret("from the file"), Secret("from the command")]
    assert find_passphrase(surroundings()) is None


def test_a_key_file_comes_before_every_passphrase(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "owner.key"
    path.write_bytes(bytes(range(32)))
    key = find_key(surroundings(REBOND_KEY_FILE=path, REBOND_PASSPHRASE="not this"))

    assert isinstance(key, SlotSecret)
    assert key.method is SlotMethod.KEY_FILE
    assert key.material == Secret(bytes(range(32)))


def test_without_a_secret_and_without_a_terminal_the_remedy_names_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(WrongKey) as caught:
        find_key(surroundings())

    assert "REBOND_PASSPHRASE_FILE" in caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    for name in ("REBOND_KEY_FILE", "REBOND_PASSPHRASE_FILE"):
        with pytest.raises(UsageError, match="absent"):
            find_key(surroundings(**{name: tmp_path / "absent"}))


def test_an_empty_passphrase_is_refused_rather_than_asked_for() -> None:
    with pytest.raises(RebondError, match="empty"):
        find_key(surroundings(REBOND_PASSPHRASE=""))


def test_nothing_is_drawn_over_the_question_for_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar went on beside it, and the question was not to be seen: a recovery seemed to hang."""
    seen: list[str] = []

    class Bar:
        def rest(self) -> None:
            seen.append("rests")

        def go_on(self) -> None:
            seen.append("goes on")

    def answer(_question: str) -> str:
        seen.append("asked")
        return "word"

    bar = Bar()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", answer)
    drawn.note_drawn(bar)
    try:
        assert key_at_hand.ask("Passphrase: ").reveal() == b"word"
    finally:
        drawn.forget_drawn(bar)
    assert seen == ["rests", "asked", "goes on"]
