"""Everything that both guides treat has its place in a runbook, with the tables, lists and commands that they have."""

import pytest
from tests.unit.runbook.page_of import EXAMPLES, facts_of, load, markdown_of
from tests.unit.runbook.subjects import OWN, SUBJECTS, find_lacks

from rebond.config.model import Loaded
from rebond.pages.blocks import Grid, Heading, Page
from rebond.runbook.facts import VaultFacts
from rebond.runbook.reference import BLANK
from rebond.runbook.writing import write_runbook


@pytest.fixture(scope="module", params=["korrigo", "pivori"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return load(EXAMPLES / f"{request.param}.toml")


def test_each_subject_of_both_guides_has_its_place_and_what_belongs_to_it(loaded: Loaded) -> None:
    assert find_lacks(write_runbook(facts_of(loaded))) == []
    assert len(SUBJECTS) > 60


def test_no_heading_is_there_without_a_subject(loaded: Loaded) -> None:
    page = write_runbook(facts_of(loaded))
    numbers = {each.number for each in page.blocks if isinstance(each, Heading) and each.level <= 3}
    treated = {place for each in SUBJECTS for place in each.places} | set(OWN)

    assert {each for each in numbers if not any(f"{place}.".startswith(f"{each}.") for place in treated)} == set()


def test_a_page_that_lost_a_section_or_a_table_is_told(loaded: Loaded) -> None:
    page = write_runbook(facts_of(loaded))
    without_heading = [each for each in page.blocks if not (isinstance(each, Heading) and each.number == "4.8")]
    without_tables = [each for each in page.blocks if not isinstance(each, Grid)]

    assert any("no '4.8'" in each for each in find_lacks(Page(page.title, "en", without_heading)))
    assert any("K9.3" in each and "Grid" in each for each in find_lacks(Page(page.title, "en", without_tables)))


def test_thresholds_of_the_configuration_and_those_of_the_guides_are_on_the_page() -> None:
    page = markdown_of(facts_of(load(EXAMPLES / "korrigo.toml")))

    for words in ("| `media`: files | ≥ 100 | the backup fails |", "≤ 20 %", "older than 24 h", "less than 10 % free"):
        assert words in page
    assert "the reserve of 10 %" in page
    assert page.count(BLANK) == 3  # a name and a telephone for each contact


def test_a_page_for_a_safe_says_whether_it_can_be_followed_without_a_network(loaded: Loaded) -> None:
    without = markdown_of(facts_of(loaded))
    carried = markdown_of(facts_of(loaded, vault=VaultFacts(carries_wheels=True)))

    assert "`rebond kit --wheels own`" in without
    assert "sha256sum -c wheels-" in carried
    assert "`rebond kit --wheels own`" not in carried
