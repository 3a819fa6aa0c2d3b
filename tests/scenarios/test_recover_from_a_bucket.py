"""``rebond recover`` from a bucket, whose address the kit and the configuration may each write in their own way."""

import pathlib
import re

import pytest
from tests.unit.cli.program_runs import Program

from rebond.testing.s3_server import S3Server

pytest.importorskip("obstore", reason="the library of the cloud stores is not installed")


def test_a_bucket_is_the_same_however_its_address_is_written(tmp_path: pathlib.Path) -> None:
    shop = tmp_path / "shop"
    (shop / "src").mkdir(parents=True)
    (shop / "src" / "app.py").write_text("a = 1")
    with S3Server() as server:
        url = server.url("bucket/vault")
        program = Program(tmp_path, **server.environment, REBOND_VAULT=url, REBOND_CONFIG=str(shop / "rebond.toml"))
        (shop / "rebond.toml").write_text(
            f'version = 1\n[stack]\nname = "shop"\n[vault]\nurl = "{url}"\n'
            '[component.code]\nkind = "files"\npath = "src"\n[class.all]\ntrigger = "manual"\ncomponents = "all"\n'
        )
        program.good("vault", "create", "--kit", tmp_path / "kit.txt", "--key-file", tmp_path / "owner.key")
        program.environment["REBOND_KEY_FILE"] = str(tmp_path / "owner.key")
        program.good("backup")
        for name in ("REBOND_CONFIG", "REBOND_VAULT"):
            del program.environment[name]
        place, _, options = url.partition("?")
        turned = f"{place}/?{'&'.join(reversed(options.split('&')))}"
        for number, address in enumerate((url, turned)):
            said = program.good("recover", address, "--to", tmp_path / str(number), "--yes").err
            assert "The stack lies in" in said
            assert not re.search(r"make that the url", said), said  # it is the one that the configuration names
        missed = program("recover", server.url("bucket/vaults"), "--to", tmp_path / "never", "--yes")
        assert (missed.status, "rebond vault list" in missed.err) == (10, True)
