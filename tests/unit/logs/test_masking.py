"""A secret that was looked up is masked in every form in which it may turn up."""

import base64
import json
import urllib.parse

import pytest

from rebond.config.references import FromEnvironment
from rebond.config.resolving import Resolver
from rebond.errors import SourceError
from rebond.logs.masking import Masks, mask, remember_variables
from rebond.secret import Secret

PASSWORD = 'sp&cial "pass"wörd'


def masks_of(*values: str | bytes) -> Masks:
    masks = Masks()
    for value in values:
        masks.remember(Secret(value))
    return masks


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        urllib.parse.quote(PASSWORD),
        urllib.parse.quote(PASSWORD, safe=""),
        urllib.parse.quote_plus(PASSWORD),
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        repr(PASSWORD),
        base64.b64encode(PASSWORD.encode()).decode(),
    ],
)
def test_a_value_is_masked_as_others_write_it(form: str) -> None:
    said = masks_of(PASSWORD).mask(f"cannot connect with {form}: refused")

    assert "***" in said
    assert "cial" not in said
    assert said.endswith(": refused")


def test_the_password_inside_an_address_is_a_secret_of_its_own() -> None:
    masks = masks_of("postgresql://shop:p%40ssw0rd@db/shop")

    assert masks.mask("password authentication failed for p@ssw0rd") == "password authentication failed for ***"
    assert masks.mask("postgresql://shop:p%40ssw0rd@db/shop") == "***"
    assert masks.mask("user shop at db") == "user shop at db"


def test_every_line_of_a_key_is_a_secret() -> None:
    masks = masks_of("-----BEGIN-----\nMC4CAQAwBQYDK2Vw\nBCIEIPoq\nab\n")

    assert masks.mask("bad key: MC4CAQAwBQYDK2Vw.") == "bad key: ***."
    assert masks.mask("ab is short, and stays") == "ab is short, and stays"


def test_a_short_value_is_masked_where_it_stands_alone() -> None:
    assert masks_of("abc").mask("abc, abcdef and PASSWORD=abc") == "***, abcdef and PASSWORD=***"


def test_of_two_values_the_longer_one_goes_whole() -> None:
    assert masks_of("secret", "secret-and-more").mask("it was secret-and-more") == "it was ***"


@pytest.mark.parametrize("value", ["", "\n", b""])
def test_nothing_masks_nothing(value: str | bytes) -> None:
    assert masks_of(value).mask("as it is") == "as it is"


def test_bytes_that_are_no_text_are_masked_too() -> None:
    masks = masks_of(b"\xff\xfe-token")

    assert masks.mask(b"got \xff\xfe-token".decode("utf-8", "surrogateescape")) == "got ***"
    assert masks.mask(b"got \xff\xfe-token".decode("utf-8", "backslashreplace")) == "got ***"


def test_a_reference_that_was_resolved_is_masked_and_a_word_is_not(tmp_path: object) -> None:
    import pathlib

    assert isinstance(tmp_path, pathlib.Path)
    (tmp_path / "key").write_text("from-a-file-8471\n")
    resolver = Resolver(root=tmp_path, variables={"DB_PASSWORD": "from-a-variable-5512", "DB_USER": "shop-user-1"})

    resolver.resolve(FromEnvironment(env="DB_PASSWORD"))
    resolver.resolve_words(FromEnvironment(env="DB_USER"))

    assert mask("shop-user-1 / from-a-variable-5512") == "shop-user-1 / ***"


def test_variables_are_secret_by_their_names_and_addresses_by_their_passwords() -> None:
    remember_variables(
        {
            "POSTGRES_PASSWORD": "pg-7781",
            "MYSQL_PWD": "my-7782",
            "DATABASE_URL": "postgresql://shop:db-7783@db/shop",
            "AWS_SECRET_ACCESS_KEY": "aws-7784",
            "REBOND_PASSPHRASE_FILE": "/etc/rebond/pass-7785",
            "PWD": "/srv/here-7786",
            "OLDPWD": "/srv/here-7787",
            "POSTGRES_USER": "user-7788",
        }
    )

    assert mask("pg-7781 my-7782 db-7783 aws-7784") == "*** *** *** ***"
    for kept in ("/etc/rebond/pass-7785", "/srv/here-7786", "/srv/here-7787", "user-7788", "shop@db/shop"):
        assert mask(kept) == kept


def test_what_an_error_says_is_masked_where_people_read_it() -> None:
    from rebond.cli.output.speech import hint_of, message_of
    from rebond.logs.masking import remember_secret

    remember_secret(Secret("hunter2-hunter2"))
    error = SourceError("{program} said: {words}", hint="Try {words}", program="psql", words="no hunter2-hunter2 here")

    assert message_of(error) == "psql said: no *** here"
    assert hint_of(error) == "Try no *** here"
