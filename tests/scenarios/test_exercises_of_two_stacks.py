"""Two stacks of one machine, whose people exercise at the same time, and one whose program is renewed meanwhile."""

import pathlib
import shutil

from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "{name}"
[vault]
url = "{folder}/vault"
key = {{ file = "{folder}/owner.key" }}
[component.media]
kind = "files"
path = "media"
"""


def save(program: Program, folder: pathlib.Path, name: str) -> str:
    """Save a stack; return its configuration."""
    (folder / name / "media").mkdir(parents=True)
    (folder / name / "media" / "x").write_text(name)
    configuration = folder / name / "rebond.toml"
    configuration.write_text(CONFIGURATION.format(name=name, folder=folder))
    program.good("--config", configuration, "backup")
    return str(configuration)


def test_each_is_told_of_its_own_and_judged_by_its_own(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    program.environment["TMPDIR"] = str(tmp_path)
    shop, blog = (save(program, tmp_path, each) for each in ("shop", "blog"))
    asked = ("drill", "--exercise", "--scenario", "lost-server")
    of_shop = program.ask("--config", shop, *asked)
    of_blog = program.ask("--config", blog, *asked)
    program.good("--config", shop, "restore", "latest", "--to", of_shop["target"])
    still = program.ask("--config", blog, *asked)
    done = program.ask("--config", shop, *asked)
    program.good("--config", blog, "restore", "latest", "--to", of_blog["target"])
    done_too = program.ask("--config", blog, *asked)

    assert (of_shop["stack"], of_blog["stack"], still["target"]) == ("shop", "blog", of_blog["target"])
    assert [(each["stack"], each["verdict"]) for each in (done, done_too)] == [("shop", "pass"), ("blog", "pass")]
    for each in (of_shop, of_blog):
        shutil.rmtree(each["target"])


def test_an_exercise_from_before_an_upgrade_goes_on_and_is_that_stacks_alone(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    program.environment["TMPDIR"] = str(tmp_path)
    shop, blog = (save(program, tmp_path, each) for each in ("shop", "blog"))
    asked = ("drill", "--exercise", "--scenario", "lost-server")
    begun = program.ask("--config", shop, *asked)
    folder = pathlib.Path(program.environment["REBOND_STATE_DIR"]) / "drills"
    (folder / "exercise-shop.json").rename(folder / "exercise.json")  # as versions wrote it that knew of one stack
    still = program.ask("--config", shop, *asked)
    of_blog = program.ask("--config", blog, *asked)
    program.good("--config", shop, "restore", "latest", "--to", begun["target"])
    done = program.ask("--config", shop, *asked)

    assert (still["began"], still["target"]) == (begun["began"], begun["target"])
    assert of_blog["target"] != begun["target"]
    assert (done["stack"], done["verdict"]) == ("shop", "pass")
    assert not (folder / "exercise.json").exists(), "it is over"
