"""The evidence of a drill as a page: what it says of a proof that failed."""

from tests.unit.stack.test_objectives import record_at

from rebond.cli.drills.page import make_page
from rebond.operations.drills.outcomes import Answer, Check, DrillOutcome
from rebond.pages.markdown import write_markdown
from rebond.stack.drills.evidence import Evidence
from rebond.stack.objectives.promises import DrillJudgement, Measure, Promise


def page_of(answer: Answer) -> str:
    outcome = DrillOutcome(
        record=record_at(0),
        began_ms=0,
        components=(),
        checks=(Check(code="x", subject="db", answer=answer, template="x"),),
        phases={},
        rto_seconds=3.0,
        rpo_seconds=1.0,
        question_seconds=0.0,
        seconds=3.0,
    )
    rto = Promise(subject="db", measure=Measure.RTO, promised_seconds=60, measured_seconds=3.0)
    rpo = Promise(subject="db", measure=Measure.RPO, promised_seconds=60, measured_seconds=1.0)
    judgement = DrillJudgement(promises=(rto, rpo), rto=rto, rpo=rpo)
    evidence = Evidence(outcome=outcome, judgement=judgement, stack="shop")
    return write_markdown(make_page(evidence, "en", lambda _check: ("", "")), lambda template: template)


def test_what_failed_within_the_promised_time_keeps_no_promise() -> None:
    good, failed = page_of(Answer.PASS), page_of(Answer.FAIL)

    assert "| db | recovery time | 1 min | 3.0 s | yes |" in good
    assert "Everything was back after" in good
    assert "| db | recovery time | 1 min | 3.0 s | not known |" in failed
    assert "| db | work lost | 1 min | 1.0 s | yes |" in failed
    assert "Everything was back after" not in failed
