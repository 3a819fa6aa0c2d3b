"""Generated trees: an application (1.3 GB in 113,000 files), and one that is only large (growth).

Both are the same, byte for byte, for the same seed, on any machine: every package has a random source of its own.
"""

import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.generated_text import WORDS, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """A share of a package's files: how they end, what is in them, how large they are (log-normal)."""

    ending: str
    content: str
    share: float
    median_bytes: int
    spread: float


NODE_KINDS = (
    FileKind(ending=".js", content="script", share=0.46, median_bytes=2000, spread=1.4),
    FileKind(ending=".min.js", content="minified", share=0.02, median_bytes=30_000, spread=1.0),
    FileKind(ending=".d.ts", content="types", share=0.27, median_bytes=900, spread=1.3),
    FileKind(ending=".js.map", content="map", share=0.14, median_bytes=4000, spread=1.5),
    FileKind(ending=".json", content="settings", share=0.06, median_bytes=1200, spread=1.2),
    FileKind(ending=".md", content="prose", share=0.04, median_bytes=3500, spread=1.0),
    FileKind(ending=".node", content="binary", share=0.01, median_bytes=30_000, spread=1.0),
)
PYTHON_KINDS = (
    FileKind(ending=".py", content="python", share=0.42, median_bytes=6800, spread=1.4),
    FileKind(ending=".pyc", content="bytecode", share=0.42, median_bytes=6800, spread=1.3),
    FileKind(ending=".so", content="binary", share=0.015, median_bytes=150_000, spread=1.2),
    FileKind(ending=".txt", content="prose", share=0.10, median_bytes=1500, spread=1.2),
    FileKind(ending=".pyi", content="python", share=0.045, median_bytes=3000, spread=1.2),
)
SOURCE_KINDS = (
    FileKind(ending=".py", content="python", share=0.5, median_bytes=4000, spread=1.1),
    FileKind(ending=".tsx", content="script", share=0.5, median_bytes=3500, spread=1.1),
)
MEDIA_KINDS = (FileKind(ending=".jpg", content="media", share=1.0, median_bytes=120_000, spread=0.9),)
LARGEST_BYTES = 8_000_000
COPIED_SHARE = 0.06
"""Of the packages of a forest, this share is a second copy of another one, as npm nests them."""
FOLDERS = ("", "", "lib", "lib", "dist", "dist/esm", "dist/cjs", "src", "src/internal", "types", "test/unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One folder of files to be made."""

    folder: Path
    seed: str
    kinds: tuple[FileKind, ...]
    file_count: int


def make_app_tree(target: Path, *, seed: int, scale: float = 1.0) -> None:
    """Make the application tree below ``target``: 1.3 GB in 113,000 files at ``scale`` 1."""
    packages = [
        *plan_forest(target / "frontend/node_modules", f"{seed}/node", NODE_KINDS, int(78_000 * scale)),
        *plan_forest(
            target / "backend/venv/lib/python3.11/site-packages", f"{seed}/py", PYTHON_KINDS, int(33_000 * scale)
        ),
        *plan_forest(target / "backend/src", f"{seed}/src", SOURCE_KINDS, int(1500 * scale)),
        *plan_forest(target / "media/uploads", f"{seed}/media", MEDIA_KINDS, int(500 * scale)),
    ]
    make_packages(packages)
    (target / ".env").write_text("DATABASE_URL=postgres://app:change-me@db/app\nSECRET_KEY=generated\n")
    (target / "frontend/package.json").write_text('{"name": "frontend", "private": true}\n')


def plan_forest(root: Path, seed: str, kinds: tuple[FileKind, ...], file_count: int) -> list[Package]:
    """Divide ``file_count`` files into packages of log-normal size."""
    random = Random(seed)
    packages: list[Package] = []
    while file_count > 0:
        count = min(file_count, 2500, max(2, round(random.lognormvariate(math.log(24), 1.3))))
        number = len(packages)
        name = f"{random.choice(WORDS)}-{random.choice(WORDS)}-{number}"
        if packages and random.random() < COPIED_SHARE:
            original = random.choice(packages)
            folder = random.choice(packages).folder / root.name / original.folder.name
            packages.append(Package(folder=folder, seed=original.seed, kinds=kinds, file_count=original.file_count))
        else:
            packages.append(Package(folder=root / name, seed=f"{seed}/{number}", kinds=kinds, file_count=count))
        file_count -= packages[-1].file_count
    return packages


def make_packages(packages: list[Package]) -> None:
    """Make all packages, on as many processes as there are processors."""
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(make_package, packages, chunksize=8):
            pass


def make_package(package: Package) -> None:
    """Write the files of one package."""
    random = Random(package.seed)
    writer = Writer(random)
    kinds = random.choices(package.kinds, [kind.share for kind in package.kinds], k=package.file_count)
    known: set[str] = set()
    for number, kind in enumerate(kinds):
        folder = random.choice(FOLDERS) if package.file_count > 6 else ""
        if folder not in known:
            os.makedirs(package.folder / folder, exist_ok=True)
            known.add(folder)
        size_bytes = min(LARGEST_BYTES, round(random.lognormvariate(math.log(kind.median_bytes), kind.spread)))
        name = f"{random.choice(WORDS)}{number}{kind.ending}"
        write_file(os.path.join(package.folder, folder, name), writer.compose(kind.content, size_bytes))


def write_file(path: str, content: bytes) -> None:
    """Write one small file with as few calls as there can be."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        if content and os.write(descriptor, content) != len(content):
            raise OSError(f"short write: {path}")
    finally:
        os.close(descriptor)
