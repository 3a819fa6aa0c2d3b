"""What a drill found: an answer to each question, the time that each step took, and a verdict."""

import enum
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from rebond.errors import RebondError
from rebond.findings import Finding
from rebond.vault.snapshots import SnapshotRecord
from rebond.wording import fill


class Answer(enum.StrEnum):
    """What came of one question."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_RUN = "not-run"


class Verdict(enum.StrEnum):
    """What a drill proves: that all came back, that nothing was found wrong and not all was asked, or nothing."""

    PASS = "pass"  # noqa: S105 - a verdict
    PARTIAL = "partial"
    FAIL = "fail"


class Check(Struct, frozen=True, kw_only=True):
    """One question that was asked of what came back, and its answer.

    ``code`` names the question, ``subject`` the component or the user's own name of it. ``seconds`` is how long the
    answer took.
    """

    code: str
    subject: str
    answer: Answer
    template: str
    hint_template: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def message(self) -> str:
        """The answer in English."""
        return fill(self.template, self.values)


class DrilledComponent(Struct, frozen=True, kw_only=True):
    """How one component came back. ``phases`` are seconds by name: ``fetch``, then ``load`` for a database.

    ``age_seconds`` is how much work is lost with it if all were lost when the drill began.
    """

    name: str
    kind: str
    files: int = 0
    bytes: int = 0
    phases: Mapping[str, float] = field(default_factory=dict)
    age_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it took until it was back."""
        return sum(self.phases.values())


class DrillOutcome(Struct, frozen=True, kw_only=True):
    """What a drill found. Times of begin are milliseconds since 1970, UTC.

    ``rto_seconds`` is the time until everything stood again, questions not counted; ``question_seconds`` is theirs.
    ``rpo_seconds`` is less than 0 where nothing follows for what would be lost. ``is_sample`` says that only a part was
    restored.
    """

    record: SnapshotRecord
    began_ms: int
    components: tuple[DrilledComponent, ...]
    checks: tuple[Check, ...]
    phases: Mapping[str, float]
    rto_seconds: float
    rpo_seconds: float
    question_seconds: float
    seconds: float
    is_sample: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What it proves."""
        return judge(self.checks)


def judge(checks: Sequence[Check]) -> Verdict:
    """Return the verdict: one answer that is wrong fails, one that is missing makes it partial, and so does none."""
    answers = {each.answer for each in checks}
    if Answer.FAIL in answers:
        return Verdict.FAIL
    if Answer.NOT_RUN in answers or not answers:
        return Verdict.PARTIAL
    return Verdict.PASS


def check_of_error(code: str, subject: str, error: RebondError, *, is_obstacle: bool, seconds: float = 0.0) -> Check:
    """Return the answer that an error is: the proof failed, or what would prove it is not to be had here."""
    return Check(
        code=code,
        subject=subject,
        answer=Answer.NOT_RUN if is_obstacle else Answer.FAIL,
        template=error.template,
        hint_template=error.hint_template,
        values=error.values,
        seconds=seconds,
    )
