import shlex

import pytest
from msgspec.structs import replace
from tests.unit.vault.owned_vault import own_a_vault

from rebond.testing.vaults import open_credentials
from rebond.vault.kit import PAGE_BREAK, Language, make_kit, render_kit
from rebond.vault.slots import secret_from_text

MADE = own_a_vault()
KIT = make_kit(
    MADE.created.description,
    MADE.created.roster,
    address="s3://backups/{stack}",
    recovery_key=MADE.created.recovery_key,
)
LANGUAGES: list[Language] = ["en", "fr"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_kit_fits_two_pages_of_which_only_the_first_holds_the_key(language: Language) -> None:
    first, second = render_kit(KIT, language).split(PAGE_BREAK)

    for page in (first, second):
        assert page.count("\n") <= 60
        assert max(len(line) for line in page.splitlines()) <= 110
        assert KIT.address in page
        assert KIT.vault_id in page
    groups = MADE.created.recovery_key.split("-")
    assert all(group in first for group in groups)
    assert not [group for group in groups if group in second]
    assert KIT.owner_fingerprint[:8] in first


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_key_as_it_is_printed_opens_the_vault(language: Language) -> None:
    lines = render_kit(KIT, language).splitlines()
    first_group = MADE.created.recovery_key.split("-")[0]
    start = next(number for number, line in enumerate(lines) if line.strip().startswith(first_group + "-"))
    typed = lines[start] + "\n" + lines[start + 1]

    assert open_credentials(MADE.store, secret_from_text(typed)).vault_id == MADE.created.vault_id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_kit_names_the_rescue_program_with_the_hash_that_sha256sum_prints(language: Language) -> None:
    second = render_kit(KIT, language).split(PAGE_BREAK)[1]
    (program,) = KIT.rescue

    assert program.name == "rescue/rescue-1.py"
    assert program.sha256.hex() in second.replace(" ", "").replace("\n", "")


def test_the_two_languages_say_the_same_things() -> None:
    english, french = (render_kit(KIT, language) for language in LANGUAGES)

    assert english != french
    for pattern in ("\n## ", "\n    ", "rebond ", "`"):
        assert english.count(pattern) == french.count(pattern), pattern


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_kit_printed_again_says_that_the_key_is_kept_nowhere(language: Language) -> None:
    again = make_kit(MADE.created.description, MADE.created.roster, address="/backups")

    text = render_kit(again, language)
    assert "rebond key add --recovery-key" in text
    assert "None" not in text


def test_a_kit_does_not_show_its_key_in_a_traceback() -> None:
    assert MADE.created.recovery_key not in repr(KIT)
    assert MADE.created.recovery_key not in repr(MADE.created)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_can_be_typed_wherever_the_vault_lies(language: Language) -> None:
    address = "/mnt/My Disk's/$vault"
    kit = make_kit(MADE.created.description, MADE.created.roster, address=address)
    second = render_kit(kit, language).split(PAGE_BREAK)[1]
    lines = [line.strip() for line in second.splitlines() if line.startswith("  ") and "Disk" in line]
    typed = [shlex.split(line) for line in lines if line.startswith(("rebond ", "cd "))]
    assert len(typed) == 5
    assert all(address in words for words in typed)


def test_the_newest_rescue_program_is_named() -> None:
    (rescue,) = [each for each in MADE.created.roster.rescue if each.name.endswith(".py")]
    programs = tuple(replace(rescue, name=f"rescue/rescue-{each}.py") for each in ("0.10.0", "0.9.1"))
    kit = make_kit(MADE.created.description, replace(MADE.created.roster, rescue=programs), address="/v")
    assert "python rescue/rescue-0.10.0.py . latest" in render_kit(kit)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("address", "variable"),
    [
        ("s3://backups/shop?region=eu-west-3", "AWS_SECRET_ACCESS_KEY"),
        ("gs://backups/shop", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://backups/shop?account=a", "AZURE_STORAGE_ACCOUNT_KEY"),
        ("/mnt/backups", ""),
    ],
)
def test_the_key_of_a_store_is_asked_for_before_the_first_command_that_needs_it(
    language: Language, address: str, variable: str
) -> None:
    kit = make_kit(MADE.created.description, MADE.created.roster, address=address)
    before, _, _ = render_kit(kit, language).split(PAGE_BREAK)[1].partition("rebond vault info")
    given = [line.strip() for line in before.splitlines() if line.strip().startswith("export ")]
    assert [line for line in given if variable in line] == given
    assert len(given) == (1 if variable else 0)
