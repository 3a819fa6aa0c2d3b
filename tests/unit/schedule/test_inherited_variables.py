"""Variables of a shell that systemd and cron do not have: which are told, and which need not be."""

import pathlib

import pytest
from tests.unit.schedule.stack_written import CONFIGURATION, hand_over, write_stack

from rebond.config.loading import load_configuration
from rebond.schedule.inherited_variables import list_inherited

OWN_KEY = 'url = "../vault"\npassphrase = { env = "SHOP_KEY" }'
WITH_FILE = 'name = "shop"\nenv = ["vars"]'
SHELL = {"SHOP_KEY": "x", "HOME": "/root", "LANG": "C"}


@pytest.mark.parametrize(
    ("changes", "shell", "told"),
    [
        ({'url = "../vault"': OWN_KEY}, {}, ["SHOP_KEY"]),
        ({'url = "../vault"': OWN_KEY, 'name = "shop"': WITH_FILE}, {}, []),
        ({'"../vault"': '{ env = "SHOP_VAULT", default = "../vault" }'}, {"SHOP_VAULT": "/v"}, ["SHOP_VAULT"]),
        ({}, {"REBOND_PASSPHRASE": "x"}, ["REBOND_PASSPHRASE"]),
        ({'url = "../vault"': OWN_KEY}, {"REBOND_PASSPHRASE": "x", "REBOND_VAULT": "/v"}, ["SHOP_KEY"]),
        ({'"../vault"': '"s3://shop/vault"'}, {"AWS_PROFILE": "shop"}, ["AWS_PROFILE"]),
        ({}, {"AWS_PROFILE": "shop", "KUBECONFIG": "/k"}, ["KUBECONFIG"]),
        ({'[vault]\nurl = "../vault"\n': ""}, {"REBOND_VAULT": "/v"}, ["REBOND_VAULT"]),
        ({}, {"REBOND_STATE_DIR": "/state"}, []),
    ],
)
def test_what_only_this_shell_has_is_told(
    tmp_path: pathlib.Path, changes: dict[str, str], shell: dict[str, str], told: list[str]
) -> None:
    text = CONFIGURATION
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    loaded = write_stack(tmp_path, text)
    (loaded.root / "vars").write_text("SHOP_KEY=from the file\n")
    environment = {**SHELL, **shell}
    verdict = load_configuration(loaded.files[0], environment)
    assert verdict.loaded is not None
    handed = hand_over(verdict.loaded, tmp_path, environment)

    assert list_inherited(verdict.document, verdict.loaded, environment, handed.variables) == told


def test_a_state_that_only_a_login_names_goes_with_the_runs(tmp_path: pathlib.Path) -> None:
    loaded = write_stack(tmp_path)

    assert hand_over(loaded, tmp_path, {"HOME": "/root"}).variables == {}
    handed = hand_over(loaded, tmp_path, {"HOME": "/root", "XDG_STATE_HOME": "/elsewhere"})
    assert handed.variables == {"REBOND_STATE_DIR": str(tmp_path / "state")}, "else they would see no pause"
