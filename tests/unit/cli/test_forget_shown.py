"""What ``rebond forget`` says of snapshots that stay although no rule keeps them."""

import pytest

from rebond.cli.commands.forget import _describe_left
from rebond.findings import Finding, Severity


def left(number: int, reason: str = "left for now: it is younger than a day") -> Finding:
    return Finding(
        code="left-young",
        severity=Severity.NOTE,
        subject=f"{number:032x}"[::-1],
        template=reason,
        hint_template="Run 'rebond forget' with --yes to let it go now.",
    )


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (1, 2), (10, 11), (11, 2), (1402, 2)])
def test_few_are_named_and_many_are_counted_and_what_lets_them_go_is_said_once(count: int, lines: int) -> None:
    said = list(_describe_left([left(number) for number in range(count)]))

    assert len(said) == lines
    assert sum("→ Run 'rebond forget' with --yes" in each for each in said) == (count > 0)
    if count > 10:
        assert said[0] == f"  {count} snapshots: left for now: it is younger than a day. '--explain' names each."
    elif count:
        assert said[0] == "  00000000  left for now: it is younger than a day"


def test_each_reason_has_its_own_words() -> None:
    said = list(_describe_left([left(1), left(2, "left for now: its backup runs"), left(3)]))

    assert [each[12:] for each in said if "→" not in each] == [
        "left for now: it is younger than a day",
        "left for now: it is younger than a day",
        "left for now: its backup runs",
    ]
