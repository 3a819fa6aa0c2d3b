"""The trees that are measured: generated ones, and real ones from the package registries.

A tree is made once, below a cache folder, and copied to where it is measured.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.generated_trees import (
    MEDIA_KINDS,
    NODE_KINDS,
    PYTHON_KINDS,
    SOURCE_KINDS,
    make_app_tree,
    make_packages,
    plan_forest,
)
from bench.growth_trees import GrowthPlan, make_growth_tree

SEED = 20260204
NODE_PACKAGES = (
    "next@15 react@19 react-dom@19 typescript@5 webpack@5 @angular/cli@19 @angular/core@19 eslint@9 jest@29"
    " @babel/preset-env@7 antd@5 @mui/material@6 @mui/icons-material@6 date-fns@4 rxjs@7 lodash@4 core-js@3 three@0.170"
    " vite@6 storybook@8 aws-sdk@2 firebase@11"
).split()
PYTHON_PACKAGES = "numpy scipy pandas django matplotlib scikit-learn sympy boto3 ansible-core".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A tree by its name: what it is, and how it is made."""

    name: str
    meaning: str
    make: Callable[[Path], None]

    def prepare(self, cache: Path) -> Path:
        """Return the tree below ``cache``, made now if it is not there whole."""
        tree = cache / self.name
        if not tree.exists():
            unfinished = cache / f"{self.name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            self.make(unfinished)
            unfinished.rename(tree)
        return tree

    def place(self, cache: Path, work: Path) -> Path:
        """Copy the tree, with its times, to ``work`` and return where it is."""
        target = work / "tree" / self.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", str(self.prepare(cache)), str(target)], check=True)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSize:
    file_count: int
    total_bytes: int


def measure_tree(tree: Path) -> TreeSize:
    """Count the regular files and their bytes."""
    count = total = 0
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                count, total = count + 1, total + os.path.getsize(path)
    return TreeSize(file_count=count, total_bytes=total)


def make_app(target: Path) -> None:
    make_app_tree(target, seed=SEED)


def make_small_app(target: Path) -> None:
    make_app_tree(target, seed=SEED, scale=0.05)


def make_node_modules(target: Path) -> None:
    """Install well-known packages from the npm registry, without running their scripts."""
    (target / "package.json").write_text('{"name": "measured", "private": true}\n')
    cache = target.parent / "npm-cache"
    arguments = [
        "npm",
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-progress",
        "--legacy-peer-deps",
        "--cache",
        str(cache),
        *NODE_PACKAGES,
    ]
    subprocess.run(arguments, cwd=target, check=True, stdout=sys.stderr)
    shutil.rmtree(cache)


def make_python_environment(target: Path) -> None:
    """Install well-known packages from the Python index into an environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", str(target / "venv")], check=True)
    pip = str(target / "venv/bin/pip")
    subprocess.run([pip, "install", "--quiet", "--no-cache-dir", *PYTHON_PACKAGES], check=True, stdout=sys.stderr)


def make_guides_stack(target: Path) -> None:
    """Make some 1.4 GB as the guides describe it: 1.1 GB of dependencies, 130 MB of .git, 45 MB of source, media.

    Dependencies are taken from the two real trees where those are there, folder by folder until the size is reached.
    """
    cache = target.parent
    _take(cache / "node_modules/node_modules", target / "pivori/node_modules", 650_000_000, NODE_KINDS, 62_000)
    _take(cache / "venv/venv/lib", target / "pivori/venv/lib", 500_000_000, PYTHON_KINDS, 24_000)
    make_packages(plan_forest(target / "pivori/src", f"{SEED}/src", SOURCE_KINDS, 6000))
    make_packages(plan_forest(target / "pivori/media", f"{SEED}/media", MEDIA_KINDS, 800))
    _make_history(target / "pivori")


def _take(real: Path, target: Path, limit_bytes: int, kinds: tuple, file_count: int) -> None:  # type: ignore[type-arg]
    if not real.exists():
        make_packages(plan_forest(target, f"{SEED}/{target.name}", kinds, file_count))
        return
    taken = 0
    tops = sorted(real.iterdir()) if target.name == "node_modules" else sorted(real.glob("*/site-packages/*"))
    for top in tops:
        size_bytes = measure_tree(top).total_bytes if top.is_dir() else top.lstat().st_size
        if size_bytes > limit_bytes / 5 or taken + size_bytes > limit_bytes:
            continue
        taken += size_bytes
        place = target / top.relative_to(real)
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(top), str(place)], check=True)


def _make_history(project: Path) -> None:
    """A .git of some 150 MB: the sources in loose and packed objects, and large old assets as teams commit them."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(project), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"]

    def run_git(*arguments: str) -> None:
        subprocess.run(
            ["git", *identity, *arguments], cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    run_git("init", "-q")
    run_git("add", "src")
    run_git("commit", "-qm", "Sources")
    assets = sorted(str(path.relative_to(project)) for path in (project / "media").rglob("*.jpg"))
    run_git("add", *assets[:700])
    run_git("commit", "-qm", "Assets")
    run_git("repack", "-qad")


def make_growth(target: Path) -> None:
    make_growth_tree(target, GrowthPlan(seed=SEED))


def make_small_growth(target: Path) -> None:
    make_growth_tree(target, GrowthPlan(seed=SEED, file_count=50_000, folder_count=3000, crowded_count=10_000))


def make_many(target: Path) -> None:
    make_growth_tree(target, GrowthPlan(seed=SEED, largest_bytes=4000))


DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(name="app", meaning="generated application, 1.3 GB in 113,000 files", make=make_app),
        DataSet(name="small-app", meaning="a twentieth of it, to try the benchmark itself", make=make_small_app),
        DataSet(
            name="node_modules", meaning="real: npm packages, some 850 MB in 106,000 files", make=make_node_modules
        ),
        DataSet(
            name="venv", meaning="real: a Python environment, some 650 MB in 25,000 files", make=make_python_environment
        ),
        DataSet(name="guides", meaning="the guides' stack, 1.1 GB of it real dependencies", make=make_guides_stack),
        DataSet(name="growth", meaning="10 GB in 1,000,000 files, one folder of 200,000", make=make_growth),
        DataSet(name="many", meaning="1,000,000 files of up to 4 kB, one folder of 200,000", make=make_many),
        DataSet(name="small-growth", meaning="a twentieth of it", make=make_small_growth),
    )
}
