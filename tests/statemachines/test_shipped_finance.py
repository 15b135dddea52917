"""The shipped workflows of finance: paying an invoice, closing the month."""

from typing import Any

from tests.statemachines.shipped_runs import account, agents_called, answer, broken, people_asked, run_shipped

__all__ = ["account"]

MATCH, RESOLVE = "finance-accounting/three-way-match-checker", "finance-accounting/held-invoice-resolver"
ACCRUE, EXPLAIN = "finance-accounting/month-end-accrual-estimator", "data-analytics/metric-gap-reconciler"


class TestPayInvoice:
    def test_an_amount_below_the_limit_is_paid_without_a_person(self) -> None:
        outcome = run_shipped("pay-invoice", approval_above=789)

        assert people_asked(outcome) == []
        assert outcome.output["order"] == {
            "pay": 789.0,
            "currency": "EUR",
            "to": "Norpack AS",
            "reference": "INV-2291 (run-1)",
            "approved_by": None,
        }

    def test_an_amount_above_the_limit_is_paid_once_it_is_approved(self) -> None:
        outcome = run_shipped("pay-invoice", approval_above=788.99, approver="kim@example.com")

        (asked,) = outcome.asked
        assert asked["message"] == "Pay 789.0 EUR to Norpack AS for invoice INV-2291?"
        assert asked["approvers"] == {"users": ["kim@example.com"], "roles": ["admin"], "owner": False}
        assert outcome.output["order"]["approved_by"] == "bo@example.com"

    def test_a_rejected_payment_ends_the_run_without_an_order(self) -> None:
        outcome = run_shipped("pay-invoice", approval_above=500, decisions={"approve": "rejected"})

        assert (outcome.status, outcome.error) == ("FAILED", "ApprovalRejected")
        assert "Write the payment order" not in outcome.path

    def test_a_payment_on_which_nobody_decides_is_not_made(self) -> None:
        outcome = run_shipped("pay-invoice", approval_above=500, decisions={"approve": "timeout"})

        assert (outcome.status, outcome.error) == ("FAILED", "ApprovalExpired")

    def test_a_disputed_invoice_is_paid_as_its_resolution_says(self) -> None:
        findings = ["Bank details differ from the order."]
        outcome = run_shipped(
            "pay-invoice",
            agents={
                MATCH: answer(MATCH, decision="dispute", payable_amount=0, document_findings=findings),
                RESOLVE: answer(RESOLVE, pay_now=400.5, letter_to_supplier="Please correct line 1."),
            },
        )

        (asked,) = outcome.calls_of("resolve")
        assert asked.input["hold_note"] == 'The match says dispute: ["Bank details differ from the order."]'
        assert asked.input["total"] == 821
        assert outcome.output["order"]["pay"] == 400.5
        assert outcome.output["letter_to_supplier"] == "Please correct line 1."

    def test_nothing_is_ordered_where_nothing_is_owed(self) -> None:
        outcome = run_shipped(
            "pay-invoice",
            approval_above=0,
            agents={MATCH: answer(MATCH, decision="hold"), RESOLVE: answer(RESOLVE, pay_now=0)},
        )

        assert people_asked(outcome) == []
        assert (outcome.output["pay"], outcome.output["order"]) == (0, None)

    def test_an_invoice_that_matches_is_not_resolved(self) -> None:
        outcome = run_shipped("pay-invoice", agents={MATCH: answer(MATCH, decision="pay", payable_amount=821)})

        assert agents_called(outcome) == ["match"]
        assert outcome.output["letter_to_supplier"] is None

    def test_a_check_that_never_answers_properly_is_tried_three_times(self) -> None:
        outcome = run_shipped("pay-invoice", agents={MATCH: broken})

        assert outcome.error == "ModelOutputInvalid"
        assert agents_called(outcome) == ["match"] * 3


class TestCloseMonth:
    def test_a_clean_month_closes_by_itself(self) -> None:
        outcome = run_shipped("close-month")

        assert people_asked(outcome) == []
        assert outcome.output["accrued"] == 5606.67
        assert outcome.output["open"] == []
        assert outcome.output["settled"] == [
            {"figure": "Net revenue February 2026", "gap": 14645.5, "unexplained": 300.0}
        ]

    def test_a_difference_that_stays_unexplained_goes_to_the_controller(self) -> None:
        outcome = run_shipped("close-month", agents={EXPLAIN: answer(EXPLAIN, unexplained_percent_of_gap=5.01)})

        (asked,) = outcome.asked
        assert [each["figure"] for each in asked["show"]["open"]] == ["Net revenue February 2026"]
        assert outcome.output["signed_by"] == "bo@example.com"

    def test_uncertain_accruals_go_to_the_controller(self) -> None:
        outcome = run_shipped(
            "close-month",
            agents={ACCRUE: answer(ACCRUE, uncertain_amount=1886.67)},
            decisions={"sign": "rejected"},
        )

        assert people_asked(outcome) == ["sign"]
        assert outcome.error == "ApprovalRejected"

    def test_a_difference_that_cannot_be_looked_at_is_told_and_the_others_are_explained(self) -> None:
        def explained(task: dict[str, Any]) -> Any:
            return broken(task) if task["metric"] == "VAT" else answer(EXPLAIN)

        report = {"name": "A", "value": 1, "definition": "Sum"}
        figures = [{"figure": name, "ledger": report, "source": report} for name in ("VAT", "Payroll")]
        outcome = run_shipped("close-month", agents={EXPLAIN: explained}, differences=figures)

        assert outcome.asked[0]["show"]["not_looked_at"] == 1
        assert [each["figure"] for each in outcome.output["settled"]] == ["Payroll"]

    def test_the_month_is_not_closed_without_accruals(self) -> None:
        outcome = run_shipped("close-month", agents={ACCRUE: broken})

        assert outcome.error == "ModelOutputInvalid"
