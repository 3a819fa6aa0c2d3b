"""The hook of Git: what was there stays, a commit never fails by it, and each one calls."""

import os
import pathlib
import subprocess

import pytest
from tests.unit.schedule.stack_written import CONFIGURATION, hand_over, load

from rebond.config.model import Loaded
from rebond.errors import Refused, UsageError
from rebond.schedule.calling import Calls
from rebond.schedule.handing_over import HandedOver
from rebond.schedule.heads import describe_head
from rebond.schedule.holding import try_lock
from rebond.schedule.installing import apply_files
from rebond.schedule.repositories import find_hooks_folders, find_repositories, plan_hooks, plan_hooks_away
from rebond.schedule.stack_folders import SERVE_LOCK, folder_of
from rebond.testing.manual_clock import ManualClock

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nowhere",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
}
pytestmark = pytest.mark.judge("git")


class Site:
    """A repository with a stack in it, served by somebody, so that no hook starts a run."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.made = 0
        self.root = folder / "site"
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        (self.root / "rebond.toml").write_text(CONFIGURATION)
        self.lock = try_lock(self.stack_folder / SERVE_LOCK, "a service", ManualClock())

    def git(self, *arguments: str, where: pathlib.Path | None = None, **environment: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=where or self.root,
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def loaded(self) -> Loaded:
        return load(self.root / "rebond.toml")

    @property
    def stack_folder(self) -> pathlib.Path:
        return folder_of(self.folder / "state", self.loaded)

    @property
    def handed(self) -> HandedOver:
        return hand_over(self.loaded, self.folder, ENVIRONMENT)

    def install(self) -> int:
        plan = plan_hooks(find_repositories(self.loaded, ENVIRONMENT), self.handed)
        apply_files(plan)
        return len(plan.written)

    def remove(self) -> None:
        apply_files(plan_hooks_away(find_hooks_folders(self.loaded, ENVIRONMENT), self.handed))

    def commit(self, where: pathlib.Path | None = None) -> str:
        self.made += 1  # two commits of one second and message would be the same one
        self.git("commit", "-q", "--allow-empty", "-m", f"commit {self.made}", where=where)
        return self.git("rev-parse", "HEAD", where=where)

    def calls(self) -> list[str]:
        found = Calls.look(self.stack_folder, "commit").found
        for each in found:
            each.path.unlink()
        return [each.path.name.partition(".")[0] for each in found]

    def write_hook(self, text: str, name: str = "post-commit") -> pathlib.Path:
        path = self.root / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Site:
    return Site(tmp_path)


def test_each_kind_of_new_head_calls(site: Site) -> None:
    site.install()
    site.commit()
    assert site.calls() == ["post-commit"]
    site.git("checkout", "-q", "-b", "side")
    site.commit()
    site.calls()
    site.git("checkout", "-q", "main")
    site.commit()
    site.calls()
    site.git("merge", "-q", "--no-edit", "side")
    assert "post-merge" in site.calls()
    site.git("commit", "-q", "--amend", "--allow-empty", "-m", "y")
    assert "post-rewrite" in site.calls()
    site.git("clone", "-q", ".", str(site.folder / "clone"))
    site.git("config", "receive.denyCurrentBranch", "ignore")
    site.commit(where=site.folder / "clone")
    site.git("push", "-q", where=site.folder / "clone")
    assert site.calls() == ["post-receive"]


def test_a_hook_that_was_there_goes_on_and_comes_back(site: Site) -> None:
    mark = site.folder / "mark"
    mine = f"#!/bin/sh\ncat >> '{mark}'\necho \"$0 $*\" >> '{mark}'\n"
    path = site.write_hook(mine, "post-rewrite")
    assert site.install() == 4
    assert site.install() == 0
    site.commit()
    old = site.git("rev-parse", "HEAD").strip()
    site.git("commit", "-q", "--amend", "--allow-empty", "-m", "y")
    new = site.git("rev-parse", "HEAD").strip()
    said = mark.read_text().splitlines()
    assert said[0].startswith(f"{old} {new}"), "it reads what Git writes to it"
    assert said[1].endswith("post-rewrite.before-rebond amend"), "and gets its arguments"
    site.remove()
    site.remove()
    assert path.read_text() == mine
    assert os.access(path, os.X_OK)
    assert sorted(each.name for each in path.parent.iterdir() if not each.name.endswith(".sample")) == ["post-rewrite"]


def test_a_hook_of_ours_that_was_changed_by_hand_is_not_touched(site: Site) -> None:
    site.install()
    path = site.root / ".git" / "hooks" / "post-commit"
    path.write_text(path.read_text() + "echo mine\n")
    with pytest.raises(Refused):
        site.install()
    with pytest.raises(Refused):
        site.remove()
    assert path.read_text().endswith("echo mine\n")


def test_hooks_kept_elsewhere_for_all_repositories_keep_to_this_one(site: Site) -> None:
    shared = site.folder / "hooks of all"
    shared.mkdir()
    site.git("config", "core.hooksPath", str(shared))
    site.install()
    assert (shared / "post-commit").exists()
    site.commit()
    assert site.calls() == ["post-commit"]
    other = site.folder / "other"
    other.mkdir()
    site.git("init", "-q", where=other)
    site.git("config", "core.hooksPath", str(shared), where=other)
    site.commit(where=other)
    assert site.calls() == []


def test_a_commit_in_another_working_tree_calls_too(site: Site) -> None:
    site.commit()
    site.git("worktree", "add", "-q", str(site.folder / "tree"))
    site.install()
    site.commit(where=site.folder / "tree")
    assert site.calls() == ["post-commit"]


def test_a_stack_in_a_linked_working_tree_finds_its_hooks(site: Site) -> None:
    site.commit()
    tree = site.folder / "tree"
    site.git("worktree", "add", "-q", str(tree))
    (tree / "rebond.toml").write_text(CONFIGURATION)
    found = find_repositories(load(tree / "rebond.toml"), ENVIRONMENT)
    assert list(found) == [site.root / ".git" / "hooks"]


def test_commits_succeed_with_a_full_disk_and_with_rebond_uninstalled(site: Site) -> None:
    site.install()
    path = site.root / ".git" / "hooks" / "post-commit"
    assert site.lock is not None
    site.lock.release()
    # A file where the folder of calls would be: nothing can be written, as on a full disk.
    (site.stack_folder / "calls").write_text("")
    program = site.handed.program[0]
    path.write_text(path.read_text().replace(program, "/nowhere/rebond"))
    before = site.commit()
    after = site.commit()
    assert after != before


def test_what_calls_for_nothing_is_said(site: Site) -> None:
    (site.root / "rebond.toml").write_text(CONFIGURATION.replace('trigger = "commit"', 'trigger = "manual"'))
    with pytest.raises(UsageError, match="waits for commits"):
        find_repositories(site.loaded, ENVIRONMENT)
    bare = site.folder / "bare"
    bare.mkdir()
    (bare / "rebond.toml").write_text(CONFIGURATION)
    with pytest.raises(UsageError, match="repository"):
        find_repositories(load(bare / "rebond.toml"), ENVIRONMENT)


def test_hooks_go_when_no_class_waits_for_commits_any_more_and_those_of_another_stack_stay(site: Site) -> None:
    hooks = site.root / ".git" / "hooks"
    site.install()
    theirs = (hooks / "post-commit").read_text()
    (site.root / "rebond.toml").write_text(CONFIGURATION.replace('trigger = "commit"', 'trigger = "manual"'))
    site.remove()
    assert [each.name for each in hooks.iterdir() if not each.name.endswith(".sample")] == []

    renamed = CONFIGURATION.replace('name = "', 'name = "renamed-', 1)
    (site.root / "rebond.toml").write_text(renamed)
    (hooks / "post-commit").write_text(theirs)
    site.remove()
    assert not (hooks / "post-commit").exists(), "the same configuration wrote it, when the stack had another name"

    moved = site.root / "other" / "rebond.toml"
    moved.parent.mkdir()
    (site.root / "rebond.toml").rename(moved)
    (hooks / "post-commit").write_text(theirs)
    other = load(moved)
    apply_files(plan_hooks_away(find_hooks_folders(other, ENVIRONMENT), hand_over(other, site.folder, ENVIRONMENT)))
    assert (hooks / "post-commit").read_text() == theirs


def test_the_hook_passes_the_judge_of_shell_scripts(site: Site) -> None:
    site.install()
    for name in ("post-commit", "post-receive"):
        path = site.root / ".git" / "hooks" / name
        for shell in ("sh", "bash"):
            assert subprocess.run([shell, "-n", path], capture_output=True, check=False).returncode == 0


def test_the_commit_of_a_working_tree_is_read_as_git_reads_it(site: Site) -> None:
    assert describe_head(str(site.root)) == ""
    first = site.commit().strip()
    assert first in describe_head(str(site.root / "src"))
    site.git("pack-refs", "--all")
    assert first in describe_head(str(site.root))
    second = site.commit().strip()
    assert second in describe_head(str(site.root))
    tree = site.folder / "tree"
    site.git("worktree", "add", "-q", str(tree))
    third = site.commit(where=tree).strip()
    assert third in describe_head(str(tree))
    assert second in describe_head(str(site.root))
    site.git("checkout", "-q", "--detach", first)
    assert describe_head(str(site.root)) == first
    assert describe_head(str(site.folder)) == ""
