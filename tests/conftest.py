"""Judges, and what happens when one is missing.

A *judge* is an outside program or right that a test needs: ``7z``, ``setfacl``, being root. A test
says so with ``@pytest.mark.judge("7z")``. Where the judge is missing the test is skipped, and the run
ends with one line for each missing judge. Under ``REBOND_DEMAND=1`` every skip is a failure, except for
the judges that ``REBOND_EXCUSED`` names (comma separated), and those are named aloud.
"""

import functools
import os
import pathlib
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings

from rebond.cli.output import speech
from rebond.errors import SourceUnfit
from rebond.logs import masking
from rebond.sources.postgres.packaged_programs import find_packaged_folders
from rebond.sources.servers.mysql_programs import MARIADB, find_mysql_programs, find_no_shell
from rebond.testing.postgres_server import find_postgres, spare_servers
from rebond.testing.sparing import leave_flushes_out, make_derivations_cheap, spread_folders_below

pytest_plugins = ["tests.watching"]

settings.register_profile("rebond", deadline=None)  # no test fails because a machine is slow
settings.load_profile("rebond")

DEMANDED = os.environ.get("REBOND_DEMAND") == "1"
EXCUSED = frozenset(filter(None, os.environ.get("REBOND_EXCUSED", "").split(",")))
MISSING_JUDGE = "missing judge"
missing_judges: Counter[str] = Counter()


# In the processes of the tests. Those that they start pay and flush in full.
make_derivations_cheap()
leave_flushes_out()
spare_servers()


def pytest_configure() -> None:
    os.umask(0o022)  # modes of what tests make are compared
    lend_programs()
    # What a shell runs in the background ignores interrupts, and so would every program that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def lend_programs() -> None:
    """Put PostgreSQL's clients of the Python package on the PATH of a machine that has none."""
    has_own = shutil.which("pg_dump") or any(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    packaged = find_packaged_folders()
    if packaged and not has_own:
        os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH") or os.defpath, str(packaged[-1])))


@pytest.fixture(scope="session", autouse=True)
def spread_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let each test's folder lie in a part of the disk of its own, where nothing was deleted a moment ago."""
    spread_folders_below(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def fresh_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test looked up as a secret is no secret in the next: a process remembers them for good."""
    monkeypatch.setattr(masking, "_masks", masking.Masks())


@pytest.fixture(autouse=True)
def english() -> None:
    """What one test let the command line speak is not spoken in the next."""
    speech.speak("en")


def judge_is_present(name: str) -> bool:
    """Say whether the judge is here.

    ``root`` and networks of its own are rights, some are servers with their programs, all else is a program.
    """
    if name == "root":
        return os.geteuid() == 0
    if name == "postgres":
        return find_postgres() is not None
    if name == "mariadb":
        return MARIADB in find_mysql_programs(os.environ) and shutil.which("mariadb-dump") is not None
    if name == "mariadb-sandbox":  # a client of before June 2024 starts what a dump names
        return can_be_kept_from_shells()
    if name == "own-network":
        return can_cut_off()
    if name == "own-network-of-users":
        return can_cut_off() and can_cut_users_off()
    if name == "postgres-17":
        return find_postgres(17) is not None
    if name == "postgres-ssl":  # builds that come in Python packages do not encrypt
        folder = find_postgres()
        return folder is not None and b"libssl" in (folder / "postgres").read_bytes()
    if name == "postgres-icu":  # nor do they know its collations
        folder = find_postgres()
        return folder is not None and b"libicu" in (folder / "postgres").read_bytes()
    if name == "psql-restrict":  # releases before August 2025 do not keep a script from starting programs
        folder = find_postgres()
        return folder is not None and b"unrestrict" in (folder / "psql").read_bytes()
    if name == "pg_verifybackup":  # in one of these builds it crashes before it says its version
        folder = find_postgres()
        return folder is not None and answers(folder / name)
    return shutil.which(name) is not None


def answers(program: pathlib.Path) -> bool:
    """Say whether a program is there, and says its version."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except FileNotFoundError:
        return False


@functools.cache
def can_be_kept_from_shells() -> bool:
    """Say whether the client of MariaDB knows an option by which it starts no program."""
    programs = find_mysql_programs(os.environ).get(MARIADB)
    try:
        return programs is not None and bool(find_no_shell(programs, os.environ))
    except SourceUnfit:
        return False


@functools.cache
def can_cut_off() -> bool:
    """Say whether this machine lets a command have a network of its own; containers and some systems do not."""
    from rebond.stack.drills.surroundings import find_cutter

    return bool(find_cutter(os.environ))


@functools.cache
def can_cut_users_off() -> bool:
    """Say the same of ordinary users; root becomes one to see."""
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    words = [*become, "unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--", "true"]
    try:
        return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0
    except FileNotFoundError:
        return False


def judges_of(item: pytest.Item) -> list[str]:
    """Return the judges that a test names; ``@pytest.mark.root`` is short for ``judge("root")``."""
    named = [str(name) for mark in item.iter_markers("judge") for name in mark.args]
    return [*named, "root"] if item.get_closest_marker("root") else named


def pytest_runtest_setup(item: pytest.Item) -> None:
    absent = [name for name in judges_of(item) if not judge_is_present(name)]
    if absent:
        item.user_properties.extend((MISSING_JUDGE, name) for name in absent)
        pytest.skip(f"missing judge: {', '.join(absent)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if DEMANDED and report.skipped and not hasattr(report, "wasxfail") and not is_excused(item):
        report.outcome = "failed"
        report.longrepr = f"skipped, and REBOND_DEMAND=1 allows no skip: {report.longrepr}"
    return report


def is_excused(item: pytest.Item) -> bool:
    """Say whether everything that this test lacks was excused by name."""
    absent = {name for name in judges_of(item) if not judge_is_present(name)}
    return bool(absent) and absent <= EXCUSED


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if DEMANDED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and REBOND_DEMAND=1 allows no skip: {report.longrepr}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # Counted from the reports, because the test may have run in another process.
    if report.when == "setup":
        missing_judges.update(str(name) for key, name in report.user_properties if key == MISSING_JUDGE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, count in sorted(missing_judges.items()):
        excuse = " (excused)" if name in EXCUSED else ""
        terminalreporter.write_line(f"missing judge: {name}, {count} tests not run{excuse}")
