"""The shipped workflows of engineering, support and security."""

from agent_platform.errors import ModelTimedOut, TeamFailed
from tests.statemachines.shipped_runs import account, agents_called, answer, broken, in_turn, people_asked, run_shipped

__all__ = ["account"]

DIAGNOSE, JUDGE = "cloud-operations/pod-crash-diagnoser", "software-engineering/failed-release-cause-judge"
CHANGELOG = "software-engineering/commit-history-changelog-writer"
RELEASE = "quality-engineering/release-readiness-judge"
ESCALATE, GOODWILL = "customer-support/engineering-escalation-writer", "customer-support/refund-goodwill-judge"
PHISHING, LOCKOUT = "cybersecurity/phishing-report-triager", "it-service-desk/account-lockout-tracer"


class TestAnswerCrashIncident:
    def test_the_diagnosis_is_one_of_the_positions_that_are_judged(self) -> None:
        outcome = run_shipped("answer-crash-incident", agents={DIAGNOSE: answer(DIAGNOSE, cause="A probe.")})

        (judged,) = outcome.calls_of("judge")
        assert judged.input["positions"] == ["The diagnosis of the container: A probe."]
        assert judged.input["migration"]["postgres_major"] == 15
        assert outcome.output["decided_by"] == "rollout"
        assert outcome.output["relief_decision"] == "approved"

    def test_without_a_migration_the_diagnosis_alone_decides(self) -> None:
        outcome = run_shipped("answer-crash-incident", without=("migration",))

        assert sorted(agents_called(outcome)) == ["diagnose", "escalate"]
        assert outcome.output["decided_by"] == "proven"
        assert outcome.output["relief"] == answer(DIAGNOSE)["relieve_now"]

    def test_nobody_is_written_to_where_nobody_has_written(self) -> None:
        outcome = run_shipped("answer-crash-incident", customer_messages=[])

        assert "escalate" not in agents_called(outcome)
        assert outcome.output["reply_to_customer"] is None

    def test_the_judgement_goes_on_without_a_diagnosis(self) -> None:
        outcome = run_shipped("answer-crash-incident", agents={DIAGNOSE: broken})

        assert agents_called(outcome).count("diagnose") == 2
        assert outcome.calls_of("judge")[0].input["positions"] == ["The diagnosis of the container: none could be made"]
        assert outcome.output["fix"] is None

    def test_nobody_is_asked_about_a_relief_that_there_is_not(self) -> None:
        outcome = run_shipped("answer-crash-incident", agents={DIAGNOSE: broken, JUDGE: answer(JUDGE, undo=[])})

        assert people_asked(outcome) == []
        assert outcome.output["relief_decision"] == "nothing to decide"

    def test_a_relief_on_which_nobody_decides_counts_as_rejected(self) -> None:
        outcome = run_shipped("answer-crash-incident", decisions={"relieve": "timeout"})

        assert outcome.status == "SUCCEEDED"
        assert outcome.output["relief_decision"] == "rejected"


class TestWriteReleaseNotes:
    def test_a_breaking_release_gets_a_warning(self) -> None:
        warning = run_shipped("write-release-notes").output["warning"]

        assert warning.startswith("Upgrade with care: 3.0.0 breaks what worked with 2.3.1.")

    def test_a_release_that_breaks_nothing_gets_none(self) -> None:
        outcome = run_shipped(
            "write-release-notes", agents={CHANGELOG: answer(CHANGELOG, version="2.3.2", bump="patch", breaking=[])}
        )

        assert (outcome.output["version"], outcome.output["warning"]) == ("2.3.2", None)

    def test_there_are_no_notes_where_nothing_changed(self) -> None:
        outcome = run_shipped("write-release-notes", agents={CHANGELOG: answer(CHANGELOG, bump="none")})

        assert outcome.status == "FAILED"
        assert outcome.cause == "There is nothing to release since the previous version."

    def test_an_answer_that_comes_too_late_is_asked_for_again(self) -> None:
        late = ModelTimedOut("The model took too long.")
        outcome = run_shipped("write-release-notes", agents={CHANGELOG: in_turn(late, answer(CHANGELOG))})

        assert agents_called(outcome) == ["write", "write"]
        assert outcome.output["version"] == "3.0.0"


class TestDecideRelease:
    def test_the_notes_come_from_the_workflow_that_writes_them(self) -> None:
        outcome = run_shipped("decide-release", agents={RELEASE: answer(RELEASE, decision="go")})

        (written,) = outcome.calls_of("write")
        assert [each["id"] for each in written.input["commits"]] == ["a41f09c", "77be210"]
        assert (outcome.output["version"], outcome.output["cleared"]) == ("3.0.0", "Released without conditions")
        assert people_asked(outcome) == []

    def test_conditions_are_confirmed_by_a_person(self) -> None:
        outcome = run_shipped("decide-release")

        assert outcome.asked[0]["show"]["conditions"] == answer(RELEASE)["conditions"]
        assert outcome.output["cleared"] == "Confirmed by bo@example.com"
        assert outcome.output["notes"].startswith("## 3.0.0")

    def test_conditions_that_are_not_met_keep_the_release_back(self) -> None:
        outcome = run_shipped("decide-release", decisions={"conditions": "rejected"})

        assert outcome.status == "SUCCEEDED"
        assert (outcome.output["conditions"], outcome.output["notes"]) == ("rejected", None)
        assert outcome.calls_of("write") == []

    def test_a_release_that_is_not_ready_is_kept_back_without_asking_anybody(self) -> None:
        blocking = ["D-130 loses orders."]
        outcome = run_shipped("decide-release", agents={RELEASE: answer(RELEASE, decision="no_go", blocking=blocking)})

        assert people_asked(outcome) == []
        assert outcome.calls_of("write") == []
        assert (outcome.output["decision"], outcome.output["blocking"]) == ("no_go", blocking)

    def test_the_judge_decides_alone_when_the_team_fails(self) -> None:
        failed, alone = TeamFailed("A member did not answer."), answer(RELEASE, decision="go", because="Judged alone.")
        outcome = run_shipped("decide-release", agents={RELEASE: in_turn(failed, alone)})

        first, second = outcome.calls_of("judge")
        assert first.input == second.input
        assert outcome.output["because"] == "Judged alone."

    def test_a_release_goes_out_without_notes_where_those_cannot_be_written(self) -> None:
        outcome = run_shipped("decide-release", agents={RELEASE: answer(RELEASE, decision="go"), CHANGELOG: broken})

        assert outcome.status == "SUCCEEDED"
        assert (outcome.output["decision"], outcome.output["notes"]) == ("go", None)


class TestEscalateCustomerCase:
    REFUND = {"wish": "My money", "case_facts": "Order 1", "policy": ["None"], "approval_limit": 25}  # noqa: RUF012

    def test_a_case_that_engineers_can_act_on_becomes_a_ticket(self) -> None:
        outcome = run_shipped("escalate-customer-case")

        assert people_asked(outcome) == []
        assert outcome.output["ticket"]["severity"] == "S3"
        assert outcome.output["refund"] is None

    def test_a_case_that_lacks_facts_goes_back_to_the_customer(self) -> None:
        outcome = run_shipped("escalate-customer-case", agents={ESCALATE: answer(ESCALATE, ready=False)})

        assert outcome.output["ticket"] is None
        assert outcome.output["missing"] == answer(ESCALATE)["missing"]

    def test_the_worst_severity_goes_out_although_nobody_acknowledges_it(self) -> None:
        worst = {"level": "S1", "because": "Data are exposed."}
        outcome = run_shipped(
            "escalate-customer-case",
            agents={ESCALATE: answer(ESCALATE, severity=worst)},
            decisions={"acknowledge": "timeout"},
        )

        assert people_asked(outcome) == ["acknowledge"]
        assert outcome.output["ticket"]["severity"] == "S1"
        assert outcome.output["ticket"]["acknowledged_by"] is None

    def test_a_wish_for_money_is_judged(self) -> None:
        outcome = run_shipped("escalate-customer-case", refund=self.REFUND)

        assert outcome.calls_of("goodwill")[0].input["approval_limit"] == 25
        assert outcome.output["refund"] == 182.9

    def test_the_ticket_is_written_although_the_wish_could_not_be_judged(self) -> None:
        outcome = run_shipped("escalate-customer-case", refund=self.REFUND, agents={GOODWILL: broken})

        assert outcome.output["ticket"]["severity"] == "S3"
        assert (outcome.output["refund"], outcome.output["refund_sentence"]) == (None, None)


class TestHandlePhishingReport:
    def test_a_malicious_message_is_purged_unless_somebody_objects(self) -> None:
        outcome = run_shipped("handle-phishing-report", decisions={"purge": "timeout"})

        assert outcome.asked[0]["message"].startswith("Purge this message from 12 mailboxes?")
        assert outcome.output["purge"] == "approved"

    def test_an_objection_keeps_the_message(self) -> None:
        outcome = run_shipped("handle-phishing-report", decisions={"purge": "rejected"})

        assert (outcome.status, outcome.output["purge"]) == ("SUCCEEDED", "rejected")

    def test_the_locked_account_is_traced_meanwhile(self) -> None:
        outcome = run_shipped("handle-phishing-report")

        assert "T1566.002" in outcome.calls_of("trace")[0].input["user_says"]
        assert outcome.output["lockout_source"] == "FS-07"

    def test_without_a_locked_account_there_is_nothing_to_trace(self) -> None:
        outcome = run_shipped("handle-phishing-report", without=("lockout",))

        assert agents_called(outcome) == ["triage"]
        assert outcome.output["lockout_source"] is None

    def test_a_trace_that_fails_does_not_stop_the_purge(self) -> None:
        outcome = run_shipped("handle-phishing-report", agents={LOCKOUT: broken})

        assert (outcome.output["purge"], outcome.output["lockout_source"]) == ("approved", None)

    def test_harmless_mail_ends_with_an_answer_to_the_reporter(self) -> None:
        harmless = answer(PHISHING, verdict="legitimate", reply_to_reporter="It is real.")
        outcome = run_shipped("handle-phishing-report", agents={PHISHING: harmless})

        assert people_asked(outcome) == []
        assert (outcome.output["reply_to_reporter"], outcome.output["by_hand"]) == ("It is real.", None)

    def test_a_message_that_cannot_be_judged_goes_to_an_analyst(self) -> None:
        outcome = run_shipped("handle-phishing-report", agents={PHISHING: broken})

        assert agents_called(outcome) == ["triage"] * 3
        assert outcome.output["verdict"] == "not judged"
        assert outcome.output["by_hand"]["to"] == "admin@example.com"
        assert outcome.output["by_hand"]["ask"].endswith("the check failed")

    def test_a_message_without_headers_goes_to_an_analyst_too(self) -> None:
        outcome = run_shipped("handle-phishing-report", agents={PHISHING: answer(PHISHING, verdict="insufficient")})

        assert outcome.output["by_hand"]["ask"].startswith("Read this report yourself")
