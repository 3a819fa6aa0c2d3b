"""Build or refresh ``.venv`` from the lock file. Needs Python 3.11 and a way to the package index, nothing else.

A system's Python often comes in parts: Debian and Ubuntu leave ``ensurepip`` out until
``python3-venv`` is installed. So the ways to a working environment are tried in turn:

1. ``python3 -m venv``, where ensurepip is there;
2. an environment without pip, filled by the system's own ``pip``, ``uv`` or ``virtualenv``;
3. the same, filled by a pip fetched from the index that ``PIP_INDEX_URL`` or pip's configuration names;
4. the same, filled by the pip in Debian's own package, fetched and unpacked beside the environment.

If none works, the message says what to install.
"""

import configparser
import hashlib
import html.parser
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements" / "dev.lock"
STAMP = VENV / "rebond-environment"
BOOTSTRAP = VENV / "bootstrap"

Command = list[str]


def main() -> int:
    """Make the environment right; return an exit status."""
    if sys.version_info < (3, 11):
        return refuse(f"Rebond needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}.")
    wanted = fingerprint()
    if works([str(PYTHON), "-c", "import rebond"]) and STAMP.is_file() and STAMP.read_text() == wanted:
        return 0
    say("building .venv from requirements/dev.lock")
    STAMP.unlink(missing_ok=True)
    pip = find_pip()
    if pip is None:
        return refuse(
            "This Python has neither ensurepip nor pip, and no pip could be fetched.",
            "As root: apt-get install python3-venv",
            "Or, without root, name your package index: PIP_INDEX_URL=<address> make ...",
        )
    run([*pip, "install", "-q", "--require-hashes", "-r", str(LOCK)])
    run([*pip, "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    STAMP.write_text(wanted)
    return 0


def fingerprint() -> str:
    """Return what the environment was built from, so that a change is noticed."""
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{digest} {sys.version} {ROOT}\n"


def find_pip() -> Command | None:
    """Return a command that installs into ``.venv``, which exists afterwards; ``None`` when there is no way."""
    own_pip = [str(PYTHON), "-m", "pip"]
    if works([*own_pip, "--version"]):
        return own_pip
    shutil.rmtree(VENV, ignore_errors=True)
    if works([sys.executable, "-c", "import ensurepip, venv"]) and works([sys.executable, "-m", "venv", str(VENV)]):
        return own_pip
    shutil.rmtree(VENV, ignore_errors=True)
    if shutil.which("virtualenv") and works(["virtualenv", "-q", "-p", sys.executable, str(VENV)]):
        return own_pip
    run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(VENV)])
    system_pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if works([*system_pip, "--version"]):
        return system_pip
    if shutil.which("uv"):
        os.environ["VIRTUAL_ENV"] = str(VENV)
        return ["uv", "pip"]
    wheel = fetch_pip_from_index() or fetch_pip_from_debian()
    return [str(PYTHON), f"{wheel}/pip"] if wheel else None


def fetch_pip_from_index() -> pathlib.Path | None:
    """Fetch pip's wheel from the index that the environment or pip's configuration names."""
    index = configured("index-url")
    if not index:
        return None
    page_address = f"{index.rstrip('/')}/pip/"
    try:
        wheels = WheelLinks(fetch(page_address).decode())
        address = urllib.parse.urljoin(page_address, wheels.newest())
        content = fetch(address)
    except (OSError, ValueError) as error:
        say(f"no pip from the index: {error}")
        return None
    expected = urllib.parse.parse_qs(urllib.parse.urlsplit(address).fragment).get("sha256", [""])[0]
    if expected and hashlib.sha256(content).hexdigest() != expected:
        say("the pip that the index sent does not have the hash that it announced")
        return None
    BOOTSTRAP.mkdir(parents=True, exist_ok=True)
    wheel = BOOTSTRAP / pathlib.PurePosixPath(urllib.parse.urlsplit(address).path).name
    wheel.write_bytes(content)
    return wheel


def fetch_pip_from_debian() -> pathlib.Path | None:
    """Fetch Debian's package of pip's wheel and unpack it beside the environment; nothing is installed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    BOOTSTRAP.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "download", "-q", "python3-pip-whl"]
    if not works(download, folder=BOOTSTRAP) and os.geteuid() == 0 and works(["apt-get", "update", "-q"]):
        works(download, folder=BOOTSTRAP)
    for package in BOOTSTRAP.glob("python3-pip-whl*.deb"):
        works(["dpkg-deb", "-x", str(package), str(BOOTSTRAP)])
    return next(iter(sorted(BOOTSTRAP.glob("usr/share/python-wheels/pip-*.whl"))), None)


class WheelLinks(html.parser.HTMLParser):
    """The addresses of pip's wheels on a page of a package index, in the page's order: oldest first."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of links to final releases."""
        address = dict(attrs).get("href") or ""
        name = pathlib.PurePosixPath(urllib.parse.urlsplit(address).path).name
        version = name.removeprefix("pip-").removesuffix("-py3-none-any.whl")
        if tag == "a" and name.endswith(".whl") and version.replace(".", "").isdigit():
            self.addresses.append(address)

    def newest(self) -> str:
        """Return the last one; raises ``ValueError`` when there is none."""
        if not self.addresses:
            raise ValueError("the index has no pip")
        return self.addresses[-1]


def configured(option: str) -> str:
    """Return what pip would use for ``option``, or an empty string."""
    from_environment = os.environ.get(f"PIP_{option.replace('-', '_').upper()}", "")
    if from_environment:
        return from_environment
    home = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config")
    reader = configparser.ConfigParser(interpolation=None)
    reader.read(["/etc/pip.conf", pathlib.Path.home() / ".pip" / "pip.conf", home / "pip" / "pip.conf"])
    return reader.get("global", option, fallback="")


def fetch(address: str) -> bytes:
    """Return what is at ``address``; raises ``OSError``."""
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"{address} is not a web address")
    trust = ssl.create_default_context(cafile=configured("cert") or None)
    with urllib.request.urlopen(address, timeout=60, context=trust) as answer:
        content: bytes = answer.read()
    return content


def works(command: Command, *, folder: pathlib.Path = ROOT) -> bool:
    """Say whether ``command`` succeeds; what it prints is not shown."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: Command) -> None:
    """Run ``command`` and end here if it fails."""
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status != 0:
        raise SystemExit(f"environment: this failed with status {status}: {' '.join(command)}")


def say(line: str) -> None:
    """Tell the reader what goes on."""
    print(f"environment: {line}", file=sys.stderr, flush=True)


def refuse(*lines: str) -> int:
    """Say why it cannot be done, and what to do."""
    for line in lines:
        say(line)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
