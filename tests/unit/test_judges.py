"""What a missing judge does to a run of the tests."""

import os
import pathlib
import subprocess
import sys

import pytest
from tools import judges

CONFTEST = pathlib.Path(__file__).parents[1] / "conftest.py"
ABSENT = 'import pytest\n@pytest.mark.judge("no-such-program")\ndef test_that_asks_a_judge():\n    pass\n'
SKIPPED = 'import pytest\ndef test_that_gives_up():\n    pytest.skip("no reason")\n'
ABSENT_MODULE = 'import pytest\npytest.skip("no reason", allow_module_level=True)\n'
QUICKLY = ("-p", "no:hypothesispytest", "--continue-on-collection-errors")
EXPECTED_TO_FAIL = "import pytest\n@pytest.mark.xfail\ndef test_of_a_known_fault():\n    assert False\n"

CompletedProcess = subprocess.CompletedProcess[str]


def run_tests(folder: pathlib.Path, *contents: str, jobs: int = 0, **environment: str) -> CompletedProcess:
    """Run files of tests under our conftest."""
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    for number, content in enumerate(contents):
        (folder / f"test_{number}.py").write_text(content, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    judge(name): it\n    root: it\n", encoding="utf-8")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("REBOND_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICKLY, "-n", str(jobs), str(folder)],
        env={**kept, "PYTHONPATH": str(CONFTEST.parents[1]), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_judge_skips_and_is_named_in_the_end(tmp_path: pathlib.Path) -> None:
    done = run_tests(tmp_path, ABSENT)

    assert done.returncode == 0
    assert "missing judge: no-such-program, 1 tests not run" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 skipped")


def test_it_is_named_whichever_process_the_test_ran_in(tmp_path: pathlib.Path) -> None:
    done = run_tests(tmp_path, ABSENT, ABSENT, jobs=2)

    assert done.returncode == 0, done.stdout
    assert "missing judge: no-such-program, 2 tests not run" in done.stdout


def test_on_demand_every_skip_is_a_failure(tmp_path: pathlib.Path) -> None:
    done = run_tests(tmp_path, ABSENT, SKIPPED, ABSENT_MODULE, REBOND_DEMAND="1")

    assert done.returncode != 0
    assert done.stdout.count("allows no skip") >= 3
    assert all(
        f"{outcome} test_{number}.py" in done.stdout for number, outcome in enumerate(("ERROR", "FAILED", "ERROR"))
    )


def test_a_judge_that_was_excused_by_name_may_be_missing(tmp_path: pathlib.Path) -> None:
    done = run_tests(tmp_path, ABSENT, REBOND_DEMAND="1", REBOND_EXCUSED="root,no-such-program")

    assert done.returncode == 0
    assert "not run (excused)" in done.stdout


def test_a_known_fault_is_no_skip(tmp_path: pathlib.Path) -> None:
    assert run_tests(tmp_path, EXPECTED_TO_FAIL, REBOND_DEMAND="1").returncode == 0


@pytest.mark.parametrize(("programs", "status"), [(("postgres", "initdb"), 0), (("initdb",), 1)])
def test_a_version_that_the_machine_has_is_not_brought(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], status: int
) -> None:
    monkeypatch.setattr(judges, "PLACE", tmp_path / "place")
    monkeypatch.setattr("tools.judges.shutil.which", lambda name: None)  # no npm
    for name in programs:
        (tmp_path / name).touch()

    assert judges.main(tmp_path) == status
