"""The shipped workflows that write, review and decide about people: articles, contracts, candidates, vendors, studies,
tenders, data, safety reports and campaigns."""

from typing import Any

from agent_platform.errors import ModelRefused
from tests.statemachines.shipped_runs import (
    account,
    agents_called,
    answer,
    broken,
    in_turn,
    people_asked,
    run_shipped,
    specs,
)

__all__ = ["account"]

WRITE, JUDGE = "content-media/briefed-article-writer", "content-media/article-draft-judge"
CLAUSES, SECURITY = "legal/processor-agreement-checker", "cybersecurity/supplier-security-answer-reviewer"
SCREEN, AUDIT = "human-resources/candidate-evidence-screener", "human-resources/screening-bias-auditor"
STUDY, SYNTHESIS = "life-sciences/study-relevance-screener", "life-sciences/study-evidence-synthesiser"
EXTRACT, DRAFT = "sales/tender-requirement-extractor", "sales/tender-answer-drafter"
GAP, LEAK = "data-analytics/metric-gap-reconciler", "machine-learning/feature-leakage-auditor"
SAFETY, LAUNCH = "life-sciences/safety-report-triager", "marketing/campaign-launch-decider"


def example(name: str) -> dict[str, Any]:
    found = specs()[name].example
    assert found is not None
    return found


class TestProduceArticle:
    REVISE = answer(JUDGE, verdict="revise", score=61, notes=["Say the cost earlier."])

    def test_a_good_draft_is_published_by_the_judge(self) -> None:
        outcome = run_shipped("produce-article")

        assert agents_called(outcome) == ["write", "judge"]
        assert (outcome.output["drafts"], outcome.output["released_by"]) == (1, "the judge")

    def test_the_second_draft_gets_the_first_and_its_notes(self) -> None:
        outcome = run_shipped(
            "produce-article",
            agents={
                WRITE: in_turn(answer(WRITE, body="First."), answer(WRITE, body="Second.")),
                JUDGE: in_turn(self.REVISE, answer(JUDGE)),
            },
        )

        first, second = outcome.calls_of("write")
        assert (first.input["previous_draft"], first.input["editor_notes"]) == (None, [])
        assert (second.input["previous_draft"], second.input["editor_notes"]) == ("First.", ["Say the cost earlier."])
        assert outcome.calls_of("judge")[1].input["earlier_notes"] == ["Say the cost earlier."]
        assert (outcome.output["body"], outcome.output["drafts"]) == ("Second.", 2)

    def test_after_three_drafts_the_editor_decides(self) -> None:
        outcome = run_shipped("produce-article", agents={JUDGE: self.REVISE})

        assert len(outcome.calls_of("write")) == 3
        assert outcome.asked[0]["message"].endswith("after 3 drafts with 61 points?")
        assert outcome.output["released_by"] == "bo@example.com"

    def test_what_the_editor_rejects_is_not_published(self) -> None:
        outcome = run_shipped("produce-article", agents={JUDGE: self.REVISE}, decisions={"editor": "rejected"})

        assert outcome.error == "ApprovalRejected"

    def test_a_piece_that_its_sources_cannot_carry_is_given_up_at_once(self) -> None:
        outcome = run_shipped("produce-article", agents={JUDGE: answer(JUDGE, verdict="drop")})

        assert len(outcome.calls_of("write")) == 1
        assert outcome.status == "FAILED"
        assert outcome.cause is not None
        assert outcome.cause.startswith("The sources cannot carry")


class TestReviewContract:
    def test_counsel_gets_the_wordings_and_the_security_conditions_together(self) -> None:
        outcome = run_shipped("review-contract")

        (asked,) = outcome.asked
        assert asked["show"]["security"]["risk"] == "medium"
        assert len(asked["show"]["security"]["conditions"]) == 2
        assert all(each["wording"] for each in asked["show"]["wordings"])
        assert outcome.output["negotiation"] == {"negotiator": "Kim"}

    def test_a_contract_that_can_be_signed_needs_no_counsel(self) -> None:
        outcome = run_shipped("review-contract", agents={CLAUSES: answer(CLAUSES, verdict="sign")})

        assert people_asked(outcome) == []
        assert outcome.output["verdict"] == "sign"

    def test_a_good_contract_with_a_supplier_of_high_risk_goes_to_counsel(self) -> None:
        outcome = run_shipped(
            "review-contract",
            agents={CLAUSES: answer(CLAUSES, verdict="sign"), SECURITY: answer(SECURITY, risk="high")},
        )

        assert people_asked(outcome) == ["counsel"]

    def test_without_answers_the_security_is_not_reviewed(self) -> None:
        outcome = run_shipped("review-contract", without=("security",))

        assert agents_called(outcome) == ["clauses"]
        assert outcome.output["security_risk"] is None

    def test_a_text_of_another_kind_is_refused(self) -> None:
        outcome = run_shipped("review-contract", agents={CLAUSES: answer(CLAUSES, verdict="wrong_instrument")})

        assert outcome.status == "FAILED"
        assert outcome.cause is not None
        assert outcome.cause.startswith("The text is no data processing agreement")


class TestScreenCandidates:
    def test_the_audit_compares_what_the_screening_decided(self) -> None:
        def screened(task: dict[str, Any]) -> Any:
            decision = "invite" if task["reference"] == "0417" else "decline"
            return answer(SCREEN, reference=task["reference"], recommendation=decision)

        outcome = run_shipped("screen-candidates", agents={SCREEN: screened})

        (audited,) = outcome.calls_of("audit")
        assert [(each["reference"], each["recommendation"]) for each in audited.input["decisions"]] == [
            ("0417", "invite"),
            ("0422", "decline"),
        ]
        assert [each["reference"] for each in outcome.output["invite"]] == ["0417"]
        assert outcome.output["decline"] == ["0422"]

    def test_a_forbidden_reason_stops_the_round_before_anybody_is_invited(self) -> None:
        outcome = run_shipped("screen-candidates", agents={AUDIT: answer(AUDIT, verdict="stop")})

        assert (outcome.status, people_asked(outcome)) == ("FAILED", [])
        assert outcome.cause is not None
        assert outcome.cause.startswith("A forbidden reason")

    def test_an_application_that_cannot_be_read_is_counted_and_the_others_are_screened(self) -> None:
        def screened(task: dict[str, Any]) -> Any:
            return broken(task) if task["reference"] == "0417" else answer(SCREEN, reference=task["reference"])

        outcome = run_shipped("screen-candidates", agents={SCREEN: screened})

        assert outcome.calls_of("audit")[0].input["not_screened"] == 1
        assert [each["reference"] for each in outcome.output["invite"]] == ["0422"]
        assert outcome.asked[0]["show"]["not_screened"] == 1

    def test_nobody_is_invited_against_the_recruiter(self) -> None:
        outcome = run_shipped("screen-candidates", decisions={"release": "rejected"})

        assert outcome.error == "ApprovalRejected"


class TestAssessVendors:
    def test_one_bad_vendor_costs_that_vendor_only(self) -> None:
        def reviewed(task: dict[str, Any]) -> Any:
            return broken(task) if task["supplier"] == "Helio Payroll" else answer(SECURITY, risk="low")

        outcome = run_shipped("assess-vendors", agents={SECURITY: reviewed})

        assert outcome.output["not_reviewed"] == 1
        assert outcome.output["others"] == [{"supplier": "Kontor Plants", "risk": "low"}]
        assert people_asked(outcome) == []

    def test_only_high_risks_go_to_the_risk_owner(self) -> None:
        def reviewed(task: dict[str, Any]) -> Any:
            return answer(SECURITY, risk="critical" if task["supplier"] == "Helio Payroll" else "low")

        outcome = run_shipped("assess-vendors", agents={SECURITY: reviewed}, decisions={"accept": "timeout"})

        assert [each["supplier"] for each in outcome.output["grave"]] == ["Helio Payroll"]
        assert "Helio Payroll" in outcome.asked[0]["message"]
        assert "Kontor Plants" not in outcome.asked[0]["message"]
        assert outcome.output["acceptance"] == "rejected"

    def test_more_vendors_than_fit_into_one_run_are_reviewed_in_runs_of_their_own(self) -> None:
        vendor = example("assess-vendors")["vendors"][1]
        vendors = [{**vendor, "supplier": f"Vendor {number}"} for number in range(43)]
        outcome = run_shipped("assess-vendors", vendors=vendors)

        assert len(outcome.calls) == 43
        assert [each["supplier"] for each in outcome.output["others"]] == [each["supplier"] for each in vendors]


class TestReviewLiterature:
    def test_what_is_included_or_unclear_is_put_together(self) -> None:
        def screened(task: dict[str, Any]) -> Any:
            decision = {"R-014": "include", "R-031": "exclude"}[task["record"]["id"]]
            return answer(STUDY, record_id=task["record"]["id"], decision=decision, failed_part="design")

        outcome = run_shipped("review-literature", agents={STUDY: screened})

        (put,) = outcome.calls_of("synthesise")
        assert [each["record_id"] for each in put.input["studies"]] == ["R-014"]
        assert put.input["screened"] == 2
        assert outcome.output["excluded"] == [{"record_id": "R-031", "failed_part": "design"}]
        assert (outcome.output["certainty"], outcome.output["note"]) == ("moderate", None)

    def test_the_table_is_kept_where_the_synthesis_fails(self) -> None:
        outcome = run_shipped("review-literature", agents={SYNTHESIS: broken})

        assert outcome.status == "SUCCEEDED"
        assert outcome.output["answer"] is None
        assert outcome.output["note"].startswith("No synthesis: 2 records were screened")
        assert len(outcome.output["studies"]) == 2

    def test_nothing_is_put_together_where_nothing_is_left(self) -> None:
        outcome = run_shipped("review-literature", agents={STUDY: answer(STUDY, decision="exclude")})

        assert "synthesise" not in agents_called(outcome)
        assert outcome.output["note"].startswith("No synthesis")


class TestAnswerTender:
    def test_each_requirement_gets_an_answer_of_its_own(self) -> None:
        def drafted(task: dict[str, Any]) -> Any:
            return answer(DRAFT, answer=f"On {task['requirement']['id']}")

        outcome = run_shipped("answer-tender", agents={DRAFT: drafted})

        assert [(row["requirement"], row["answer"]) for row in outcome.output["matrix"]] == [
            ("R1", "On R1"),
            ("R2", "On R2"),
            ("R3", "On R3"),
        ]
        assert people_asked(outcome) == []

    def test_a_mandatory_requirement_that_cannot_be_met_goes_to_the_bid_manager(self) -> None:
        def drafted(task: dict[str, Any]) -> Any:
            return answer(DRAFT, standing="none" if task["requirement"]["id"] == "R2" else "full")

        outcome = run_shipped("answer-tender", agents={DRAFT: drafted}, decisions={"go_on": "rejected"})

        assert outcome.asked[0]["show"]["unmet"] == [{"requirement": "R2", "place": "Specification, 3.2"}]
        assert outcome.error == "ApprovalRejected"

    def test_a_wish_that_cannot_be_met_stops_nobody(self) -> None:
        def drafted(task: dict[str, Any]) -> Any:
            return answer(DRAFT, standing="none" if task["requirement"]["id"] == "R3" else "full")

        assert people_asked(run_shipped("answer-tender", agents={DRAFT: drafted})) == []

    def test_a_requirement_without_an_answer_goes_to_the_bid_manager(self) -> None:
        def drafted(task: dict[str, Any]) -> Any:
            return broken(task) if task["requirement"]["id"] == "R1" else answer(DRAFT)

        outcome = run_shipped("answer-tender", agents={DRAFT: drafted})

        assert outcome.asked[0]["show"]["without_answer"] == 1
        assert outcome.output["decided_by"] == "bo@example.com"

    def test_documents_without_requirements_end_the_run(self) -> None:
        outcome = run_shipped("answer-tender", agents={EXTRACT: answer(EXTRACT, requirements=[])})

        assert outcome.status == "FAILED"
        assert agents_called(outcome) == ["extract"]


class TestTriageDataQuality:
    def test_findings_are_sorted_by_what_has_to_be_done(self) -> None:
        report = {"name": "A", "value": 1, "definition": "Sum"}
        metrics = [{"metric": name, "unit": "EUR", "report_a": report, "report_b": report} for name in ("B", "A", "C")]

        def explained(task: dict[str, Any]) -> Any:
            return answer(GAP, status="insufficient" if task["metric"] == "C" else "explained")

        outcome = run_shipped("triage-data-quality", agents={GAP: explained}, disagreements=metrics)

        findings = outcome.output["findings"]
        assert [each["metric"] for each in findings["fix_definition"]] == ["A", "B"]
        assert [each["metric"] for each in findings["run_queries"]] == ["C"]
        assert [each["model"] for each in findings["withdraw_models"]] == ["Churn 2026"]
        assert outcome.output["warning"].startswith("Do not use these models")

    def test_there_is_no_warning_without_a_leak(self) -> None:
        outcome = run_shipped("triage-data-quality", agents={LEAK: answer(LEAK, verdict="none_found")})

        assert outcome.output["warning"] is None

    def test_reports_and_models_fail_apart(self) -> None:
        outcome = run_shipped("triage-data-quality", agents={LEAK: broken})

        assert outcome.output["not_looked_at"] == {"reports": 0, "models": 1}
        assert len(outcome.output["findings"]["fix_definition"]) == 1


class TestProcessSafetyReport:
    def test_the_reviewers_causality_goes_into_the_reporting_order(self) -> None:
        decision = {"decision": "approved", "form": {"causality": "possible"}}
        outcome = run_shipped("process-safety-report", decisions={"medical_review": decision})

        assert outcome.output["submission"]["causality"] == "possible"
        assert outcome.output["submission"]["clocks"][0]["due"] == "2026-02-17"

    def test_silence_counts_as_agreement_since_the_clock_runs(self) -> None:
        outcome = run_shipped("process-safety-report", decisions={"medical_review": "timeout"})

        assert outcome.output["submission"]["causality"] == "as triaged"
        assert outcome.output["submission"]["reviewed_by"] is None

    def test_an_invalid_report_is_followed_up_and_not_submitted(self) -> None:
        invalid = answer(SAFETY, valid=False, missing_elements=["patient"])
        outcome = run_shipped("process-safety-report", agents={SAFETY: invalid})

        assert people_asked(outcome) == []
        assert outcome.output["submission"] is None
        assert outcome.output["follow_up"]["missing"] == ["patient"]

    def test_a_report_that_is_not_serious_needs_no_review(self) -> None:
        harmless = answer(SAFETY, seriousness={"serious": False, "criteria": []})
        outcome = run_shipped("process-safety-report", agents={SAFETY: harmless})

        assert people_asked(outcome) == []
        assert outcome.output["submission"]["day_zero"] == "2026-02-10"

    def test_a_refusal_is_tried_three_times_more(self) -> None:
        refused = ModelRefused("It is about a death.")
        outcome = run_shipped(
            "process-safety-report", agents={SAFETY: in_turn(refused, refused, refused, answer(SAFETY))}
        )

        assert len(outcome.calls) == 4
        assert outcome.status == "SUCCEEDED"


class TestLaunchCampaign:
    def test_a_campaign_goes_live_once_its_faults_are_confirmed_as_mended(self) -> None:
        outcome = run_shipped("launch-campaign")

        assert outcome.asked[0]["show"]["must_fix"] == answer(LAUNCH)["must_fix"]
        assert outcome.path.index("Wait for the hour") < outcome.path.index("Give the order")
        assert outcome.output["launch"]["confirmed_by"] == "bo@example.com"

    def test_a_campaign_without_faults_needs_nobody(self) -> None:
        outcome = run_shipped("launch-campaign", agents={LAUNCH: answer(LAUNCH, decision="go", must_fix=[])})

        assert people_asked(outcome) == []
        assert outcome.output["launch"]["live_at"] == "2026-04-20T06:00:00Z"

    def test_a_stopped_campaign_does_not_wait_for_its_hour(self) -> None:
        outcome = run_shipped("launch-campaign", agents={LAUNCH: answer(LAUNCH, decision="stop")})

        assert outcome.status == "FAILED"
        assert "Wait for the hour" not in outcome.path
