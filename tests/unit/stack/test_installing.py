"""Lines that install a program: a name that a release does not have must not end them."""

import os
import pathlib
import subprocess

import pytest

from rebond.stack.advice.installing import install_command


@pytest.mark.parametrize("known", ["p7zip-full", "7zip"], ids=["Debian 12", "sid"])
def test_what_brings_7z_is_installed_under_either_of_its_names(tmp_path: pathlib.Path, known: str) -> None:
    manager = tmp_path / "apt-get"
    manager.write_text(f'#!/bin/sh\n[ "$*" = "install -y {known}" ] || exit 100\necho "$3" >"{tmp_path}/installed"\n')
    manager.chmod(0o755)
    line = install_command("7z", {"PATH": str(tmp_path)}, is_root=True)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(line, shell=True, env={"PATH": path}, timeout=30, check=False)
    assert done.returncode == 0
    assert (tmp_path / "installed").read_text() == f"{known}\n"


def test_a_program_of_one_name_is_installed_by_it_and_asks_for_rights_where_it_lacks_them(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "apk").write_text("#!/bin/sh\n")
    (tmp_path / "apk").chmod(0o755)
    alone = {"PATH": str(tmp_path)}
    assert install_command("7z", alone, is_root=True) == "apk add 7zip"
    assert install_command("rsync", alone, is_root=False) == "sudo apk add rsync"
