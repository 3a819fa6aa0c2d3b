"""Running other programs."""

import pytest

from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.subprocesses import run_for_secret

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_the_first_line_that_a_command_prints_is_the_secret() -> None:
    assert run_for_secret("printf 'open sesame\\nnot this'", environment=ENVIRONMENT) == Secret("open sesame")


@pytest.mark.parametrize("command", ["printf hush; exit 3", "true", "no-such-program-at-all 2>/dev/null"])
def test_a_command_that_fails_or_says_nothing_is_an_error_without_its_output(command: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        run_for_secret(command, environment=ENVIRONMENT)

    assert "hush" not in str(caught.value)


def test_a_command_that_never_ends_is_ended() -> None:
    with pytest.raises(CommandFailed, match="longer than 0 s"):
        run_for_secret("exec sleep 60", environment=ENVIRONMENT, timeout_seconds=0.1)
