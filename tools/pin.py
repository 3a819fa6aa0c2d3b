"""Pin the newest releases of every dependency, with hashes and without the address of any index. Needs ``uv``."""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALWAYS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--upgrade", "-q"]


def main() -> int:
    if not shutil.which("uv"):
        print("make lock needs uv: pip install uv", file=sys.stderr)
        return 1
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_INDEX", "PIP_"))}
    for lock, extras in {"run": ["--extra", "all"], "dev": ["--all-extras", "--group", "dev"]}.items():
        command = ["uv", "pip", "compile", "pyproject.toml", *ALWAYS, *extras, "-o", f"requirements/{lock}.lock"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
