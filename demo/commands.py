"""The commands of the demonstration, typed as a person would, in a folder of their own."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

REBOND = [sys.executable, "-m", "rebond.cli"]


class Demo:
    """One run below a folder of its own; nothing outside it is touched."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.shop = folder / "shop"
        self.vault = folder / "vault"
        self.place = folder  # where commands are typed
        folder.chmod(0o711)  # the server, which is another user's when this one is root, comes through
        (folder / "passphrase").write_text("a demonstration needs no good one\n")
        own = {
            "REBOND_PASSPHRASE_FILE": str(folder / "passphrase"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_STATE_DIR": str(folder / "state"),
        }
        kept = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
        self.environment = {**kept, **own, "REBOND_LANG": os.environ.get("REBOND_LANG", "")}

    def has_programs(self, folder: pathlib.Path) -> None:
        """Let the commands find what is in a folder, after all that the machine has itself."""
        self.environment["PATH"] = os.pathsep.join((self.environment.get("PATH") or os.defpath, str(folder)))

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> float:
        """Show a command, run it, return the seconds it took."""
        print(f"\n$ {shlex.join(('rebond', *arguments))}", flush=True)
        began = time.monotonic()
        status = subprocess.run([*REBOND, *arguments], env=self.environment, cwd=self.place, check=False).returncode
        if status not in allowed:
            raise SystemExit(f"demo: this ended with status {status}, which it should not")
        return time.monotonic() - began

    def ask(self, *arguments: str) -> Any:
        """Run a command that answers with JSON."""
        words = [*REBOND, *arguments, "--json"]
        done = subprocess.run(words, env=self.environment, cwd=self.place, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def wait_while(self, status: int, *arguments: str) -> None:
        """Try a command without a word until it no longer ends with this status, for half a minute at most."""
        end = time.monotonic() + 30
        words = [*REBOND, *arguments, "--quiet"]
        while time.monotonic() < end:
            done = subprocess.run(words, env=self.environment, cwd=self.place, check=False, capture_output=True)
            if done.returncode != status:
                return
            time.sleep(0.1)

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """Receive PostgreSQL's log inside the block, as it is written."""
        print("\n$ rebond wal receive &", flush=True)
        words = [*REBOND, "wal", "receive", "--quiet"]
        with subprocess.Popen(words, env=self.environment, cwd=self.place) as self._receiver:
            try:
                yield
            finally:
                self._receiver.terminate()

    @contextlib.contextmanager
    def unmounted(self, name: str) -> Iterator[None]:
        """Let a folder of the shop be empty inside the block, as a volume is that did not come up."""
        folder, kept = self.shop / name, self.folder / "unmounted"
        folder.rename(kept)
        folder.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(folder)
            kept.rename(folder)

    def burn(self) -> None:
        """Lose the shop, and all that a new machine does not have: what is left is the vault and the passphrase."""
        self._receiver.kill()
        self._receiver.wait()
        self.place = self.folder
        for name in ("shop", "cache", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
