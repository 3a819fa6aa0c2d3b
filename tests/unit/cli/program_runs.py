"""Run the program as a person would: real files, real vault, in this process so that it is quick."""

import contextlib
import contextvars
import io
import json
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from rebond.cli.__main__ import run
from rebond.logs import masking

PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Answer:
    """What one run came to."""

    status: int
    out: str
    err: str
    raw: bytes = b""

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


class Program:
    """The program with surroundings of its own below a folder."""

    def __init__(self, folder: pathlib.Path, **environment: str) -> None:
        self.folder = folder
        self.vault = folder / "vault"
        self.environment = {
            "REBOND_VAULT": str(self.vault),
            "REBOND_PASSPHRASE": PASSPHRASE,
            "REBOND_STATE_DIR": str(folder / "state"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_LANG": "en",
            **environment,
        }

    @classmethod
    def with_vault(cls, folder: pathlib.Path) -> "Program":
        """Make a vault whose owner uses a key file, which costs no key derivation."""
        program = cls(folder)
        program.good("vault", "create", "--kit", folder / "kit.txt", "--key-file", folder / "owner.key")
        program.environment["REBOND_KEY_FILE"] = str(folder / "owner.key")
        return program

    def leave_vault_to_configuration(self) -> None:
        """Take the vault and what opens it out of the environment: a configuration is to name them."""
        for name in ("REBOND_VAULT", "REBOND_KEY_FILE", "REBOND_PASSPHRASE"):
            del self.environment[name]

    def moved_to(self, folder: pathlib.Path) -> "Program":
        """Return the same program for a copy of its folder."""
        copy = Program(folder)
        copy.environment |= {
            name: text.replace(str(self.folder), str(folder)) for name, text in self.environment.items()
        }
        return copy

    def __call__(self, *arguments: str | pathlib.Path, **environment: str) -> Answer:
        """Run one command line; say nothing about how it should end."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape"), io.StringIO()
        with _surroundings({**self.environment, **environment}):
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = contextvars.copy_context().run(run, [str(each) for each in arguments])
            out.flush()
        raw = out.buffer.getvalue()
        return Answer(status, raw.decode("utf-8", "surrogateescape"), err.getvalue(), raw)

    def good(self, *arguments: str | pathlib.Path, **environment: str) -> Answer:
        """Run one command line that has to end with 0."""
        answer = self(*arguments, **environment)
        assert answer.status == 0, answer.err + answer.out
        return answer

    def ask(self, *arguments: str | pathlib.Path, **environment: str) -> Any:
        """Run one command line with ``--json`` that has to end with 0; return its document."""
        return self.good(*arguments, "--json", **environment).document


@contextlib.contextmanager
def _surroundings(environment: Mapping[str, str]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith("REBOND_"):
                patch.delenv(name)
        for name, text in environment.items():
            patch.setenv(name, text)
        patch.setattr(masking, "_masks", masking.Masks())  # as every process has its own
        yield


def plant_shop(root: pathlib.Path) -> pathlib.Path:
    """Write a small tree with a few of everything that commands show."""
    (root / "media").mkdir(parents=True)
    (root / ".env").write_text("SECRET=1\n")
    (root / ".env").chmod(0o600)
    (root / "settings.py").write_text("DEBUG = False\n")
    (root / "media" / "photo.jpg").write_bytes(bytes(range(256)) * 400)
    (root / "media" / "cover.jpg").symlink_to("photo.jpg")
    return root
