"""Every command of the README is executed; the two that cannot run inside a test run around it, and that is checked."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx

from tests.e2e.platform_process import ROOT, PlatformProcess

BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
ADDRESS = "API=http://127.0.0.1:8080/api/v1"


def readme_blocks() -> list[str]:
    """The shell blocks of the README, in order, without their indentation."""
    text = (ROOT / "README.md").read_text()
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE).strip() for indent, block in BLOCK.findall(text)]


def walks() -> list[str]:
    """The blocks that speak to the running platform, in order."""
    return [block for block in readme_blocks() if block.startswith(("curl ", "until curl ", "KEY=$(curl "))]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what this make tells its children, and without any AWS account."""
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "AWS_", "PYTEST_"))
    }
    return {**mine, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, **more}


def run(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command as a reader would paste it."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_this_file_executes_every_command_of_the_readme() -> None:
    executed = [
        "make run",  # the platform of these tests: the same module, see PlatformProcess.launch
        "make test",  # what runs this test
        ADDRESS,
        *walks()[:-1],
        'make dead-letters ARGS="list"',
        "make rebuild-projections",
        walks()[-1],
        "make policy-explain ACTION=agents:execute AGENT=finance-accounting/three-way-match-checker",
        "make agent-check ID=finance-accounting/three-way-match-checker",
        "make agent-diff ID=finance-accounting/three-way-match-checker\nmake agents-check",
        "make agent ID=finance-accounting/three-way-match-checker",
        "make eval ID=supply-chain/cycle-count-planner",
        "make synth STAGE=dev",
        "make deploy STAGE=dev",
        "make help",
    ]

    assert readme_blocks() == executed


def test_make_run_and_make_test_are_what_these_tests_and_the_build_execute() -> None:
    rules = run("make -n run").stdout

    assert "-m infra_cdk.local run" in rules
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("exec make test </dev/null")


def test_the_curl_walk_ends_with_the_recorded_execution_and_its_cost(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 1, tmp_path))

    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout[done.stdout.rindex('{"items"') :])["items"][0]
    assert last["agent_id"] == "finance-accounting/three-way-match-checker"
    assert last["status"] == "succeeded"
    assert last["cost_usd"] > 0


def test_the_second_walk_executes_with_a_key(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 2, tmp_path))

    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout[done.stdout.rindex('{"id"') :])
    assert last["status"] == "succeeded"
    assert last["key_id"] is not None


def test_the_third_walk_ends_with_the_results_of_a_batch(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 3, tmp_path))

    assert done.returncode == 0, done.stderr
    assert "202" in done.stdout
    assert "ceiling_usd" in done.stdout
    results = [json.loads(line) for line in done.stdout.splitlines()[-3:]]
    assert [each["status"] for each in results] == ["succeeded"] * 3


def test_the_fourth_walk_ends_with_a_run_that_succeeded(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 4, tmp_path))

    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout[done.stdout.rindex("\n{\n") :])
    assert last["status"] == "succeeded", last
    assert last["output"]["matched"] == "pay_part"
    assert last["cost_usd"] > 0


def test_the_fifth_walk_ends_with_the_figures(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 5, tmp_path))

    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout[done.stdout.rindex("\n}\n") + 3 :].splitlines()
    assert "agent_id" in heading.split(",")
    assert any("finance-accounting/three-way-match-checker" in row for row in rows)


def test_the_sixth_walk_ends_with_an_evaluation_that_passed(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run(walk(platform, 6, tmp_path))

    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout[done.stdout.rindex("\n{\n") :])
    assert (last["status"], last["passed"], last["cases"]) == ("finished", 1, 1)
    assert {each["kind"] for each in last["results"][0]["checks"]} == {"schema", "expected"}


def test_the_command_that_holds_an_agent_to_its_cases_passes() -> None:
    done = run("make eval ID=supply-chain/cycle-count-planner")

    assert done.returncode == 0, done.stderr
    assert "1 of 1 cases passed" in done.stdout


def test_the_last_walk_ends_with_why_somebody_may_not(platform: PlatformProcess, tmp_path: Path) -> None:
    done = run("\n".join([walk(platform, 1, tmp_path), walks()[-1]]))

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout[done.stdout.rindex('{"allowed"') :])
    assert told["allowed"] is False
    assert "admin" in told["reasons"][0]


def test_the_policy_is_explained_on_the_command_line(platform: PlatformProcess) -> None:
    done = run(
        "make policy-explain ACTION=agents:execute AGENT=finance-accounting/three-way-match-checker",
        PLATFORM_STATE_DIR=str(platform.directory),
    )

    assert done.returncode == 0, done.stderr
    assert "allowed" in done.stdout


def test_dead_letters_are_listed_and_figures_counted_anew(platform: PlatformProcess) -> None:
    for command in ('make dead-letters ARGS="list"', "make rebuild-projections"):
        done = run(command, PLATFORM_STATE_DIR=str(platform.directory))

        assert done.returncode == 0, done.stderr


def walk(platform: PlatformProcess, blocks: int, folder: Path) -> str:
    """The first blocks of curl, one after the other, at this platform's address, for an account of their own.

    Their files are put into a folder of their own too: several walks go at once.
    """
    api = f"API={platform.running['site']}/api/v1"
    text = "\n".join([api, *walks()[:blocks]]).replace("kim@example.org", f"kim-{time.time_ns()}@example.org")
    return text.replace("/tmp/", f"{folder}/")


def test_an_agent_passes_its_check() -> None:
    done = run("make agent-check ID=finance-accounting/three-way-match-checker")

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("It passes.")


def test_the_catalogue_passes_its_gates() -> None:
    done = run("make agent-diff ID=finance-accounting/three-way-match-checker\nmake agents-check")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no change")
    assert "**missed**" not in done.stdout


def test_one_agent_alone_answers_the_standard_contract(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            ["make", "agent", "ID=finance-accounting/three-way-match-checker"],
            cwd=ROOT,
            env=environment(PLATFORM_STATE_DIR=str(tmp_path / "state")),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = re.compile(r"http://127\.0\.0\.1:\d+/api/v1/agents/finance-accounting/three-way-match-checker")
        deadline = time.monotonic() + 60
        while not (found := url.search(said.read_text())):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        agent = httpx.Client(
            base_url=found.group(), transport=httpx.HTTPTransport(retries=20), timeout=30, trust_env=False
        )
        with agent:
            example = agent.get(found.group()).json()["example"]["input"]
            execution = agent.post("/execute", json={"input": example}).json()
            assert agent.get("/health").json() == {"status": "healthy"}
            assert 'status="succeeded"} 1.0' in agent.get("/metrics").text
        assert execution["status"] == "succeeded"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def test_synth_writes_templates_without_credentials() -> None:
    done = run("make synth STAGE=dev")

    assert done.returncode == 0, done.stderr
    template = json.loads((ROOT / "cdk.out/AgentPlatform-dev-Agents.template.json").read_text())
    assert any(resource["Type"] == "AWS::Lambda::Function" for resource in template["Resources"].values())


def test_deploy_without_an_account_says_so_and_changes_nothing() -> None:
    done = run("make deploy STAGE=dev", AWS_REGION="eu-central-1", AWS_SHARED_CREDENTIALS_FILE=os.devnull)

    assert done.returncode != 0
    assert "Unable to locate credentials" in done.stderr
    assert "Nothing was deployed" in done.stderr


def test_help_names_every_target_of_the_readme() -> None:
    listed = run("make help").stdout

    for block in readme_blocks():
        if block.startswith("make "):
            assert f"make {block.split()[1]} " in listed
