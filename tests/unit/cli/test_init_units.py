"""``rebond init`` and units of systemd: what starts the application, and the secrets that lie elsewhere for it."""

import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from rebond.stack.discovery.looking import look_around
from rebond.stack.discovery.proposing import propose
from rebond.stack.discovery.savable import is_savable

Folder = pathlib.Path


class Machine:
    """A directory of an application, and the folder of units of its machine."""

    def __init__(self, folder: Folder) -> None:
        self.shop, self.units, self.etc = folder / "srv" / "shop", folder / "units", folder / "etc"
        for each in (self.shop, self.units, self.etc):
            each.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        (self.units / name).parent.mkdir(exist_ok=True)
        (self.units / name).write_text(text)

    def propose(self) -> Mapping[str, Any]:
        found = look_around(self.shop, {}, socket_folders=(), unit_folder=self.units)
        proposal = propose(found, is_savable=is_savable, language="en")
        return {each.heading.partition(".")[2]: each.lines for each in proposal.components if each.is_active}


@pytest.fixture
def machine(tmp_path: Folder) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    "lines",
    [
        "WorkingDirectory={shop}",
        "WorkingDirectory=-{shop}/src",
        "ExecStart=!{shop}/venv/bin/gunicorn shop.wsgi",
        "ExecStart=/usr/bin/env \\\n  {shop}/start.sh",
    ],
)
def test_a_unit_of_the_application_and_its_secrets_are_saved(machine: Machine, lines: str) -> None:
    for each in ("shop.env", "more.env", "key"):
        (machine.etc / each).write_text("KEY=1")
    said = lines.format(shop=machine.shop)
    machine.write(
        "gunicorn.service", f"[Service]\n# WorkingDirectory=/else\n{said}\nEnvironmentFile=-{machine.etc}/shop.env\n"
    )
    machine.write("gunicorn.service.d/key.conf", f"[Service]\nLoadCredential=key:{machine.etc}/key\n")
    machine.write("gunicorn.socket", "[Socket]\nListenStream=/run/x\n")
    machine.write("gunicorn.timer.bak", "no unit")
    machine.write(
        "nightly.service", f"[Service]\nExecStart=/bin/sh {machine.shop}/n.sh\nEnvironmentFile={machine.etc}/more.*\n"
    )

    found = machine.propose()
    named = ["gunicorn.service", "gunicorn.service.d/key.conf", "gunicorn.socket", "nightly.service"]
    assert found["units"] == {"kind": "files", "paths": [str(machine.units / each) for each in named]}
    assert found["secrets"]["paths"] == [str(machine.etc / each) for each in ("shop.env", "key", "more.env")]


@pytest.mark.parametrize(
    "lines",
    [
        "WorkingDirectory={shop}er",
        "ExecStart=/usr/bin/nginx",
        "WorkingDirectory=%h/shop",
        "EnvironmentFile={shop}/gone.env",
        "# WorkingDirectory={shop}",
    ],
)
def test_a_unit_of_something_else_is_left_alone(machine: Machine, lines: str) -> None:
    machine.write("other.service", f"[Service]\n{lines.format(shop=machine.shop)}\n")
    machine.write("rebond-shop-daily.service", f"[Service]\nWorkingDirectory={machine.shop}\n")
    (machine.units / "linked.service").symlink_to("/nowhere")

    assert "units" not in machine.propose()


def test_a_machine_without_systemd_has_no_units(machine: Machine) -> None:
    machine.units.rmdir()

    assert "units" not in machine.propose()
