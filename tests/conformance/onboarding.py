"""A tenant is onboarded and watched with nothing but the AWS CLI, in a world of `landlord up`.

Usage: onboarding.py ENDPOINT
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# The AWS CLI, with its answers held against AWS's models.
ANSWERS = pathlib.Path(__file__).with_name("answers.py")

ENVIRONMENT = {
    **os.environ,
    "AWS_ENDPOINT_URL": sys.argv[1],
    "AWS_ACCESS_KEY_ID": "AKIALANDLORDLOCAL000",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_PAGER": "",
}
MACHINES = "arn:aws:states:eu-central-1:111122223333:stateMachine"


def aws(*arguments, fails=False):
    """What the AWS CLI answers; its error text where the call must fail."""
    command = [sys.executable, ANSWERS, *arguments, "--output", "json"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, f"{arguments}: {done.stdout}{done.stderr}"
    if fails:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def statuses(machine):
    """Name to status of a machine's executions."""
    listed = aws("stepfunctions", "list-executions", "--state-machine-arn", f"{MACHINES}:{machine}")
    return {one["name"]: one["status"] for one in listed["executions"]}


def wait_for(what, holds, seconds=90):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.5)


def onboard():
    """A signup becomes a tenant, and each view of it agrees."""
    detail = {"tenantId": "acme", "tenantName": "Acme", "tier": "standard"}
    entry = {
        "EventBusName": "landlord",
        "Source": "saas.signup",
        "DetailType": "TenantSignedUp",
        "Detail": json.dumps(detail),
    }
    put = aws("events", "put-events", "--entries", json.dumps([entry]))
    assert put["FailedEntryCount"] == 0, put
    wait_for("success", lambda: statuses("landlord-onboard-tenant").get("acme") == "SUCCEEDED")
    arn = f"{MACHINES}:landlord-onboard-tenant".replace("stateMachine:", "execution:") + ":acme"
    execution = aws("stepfunctions", "describe-execution", "--execution-arn", arn)
    output = json.loads(execution["output"])
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", arn)["events"]
    assert history[0]["type"] == "ExecutionStarted", history[0]
    assert history[-1]["type"] == "ExecutionSucceeded", history[-1]
    accounts = aws("organizations", "list-accounts")["Accounts"]
    account = next(one for one in accounts if one["Name"] == "tenant-acme")
    assert account["Id"] == output["accountId"] and account["State"] == "ACTIVE", account
    parent = aws("organizations", "list-parents", "--child-id", account["Id"])["Parents"][0]
    assert parent["Id"] == output["organizationalUnitId"], parent
    name = "landlord-tenant-baseline"
    listed = aws("cloudformation", "list-stack-instances", "--stack-set-name", name)
    rows = [(one["Account"], one["Status"]) for one in listed["Summaries"]]
    assert rows == [(account["Id"], "CURRENT")], rows


def own_machine():
    """A user's own JSONata machine runs; a wrong one is refused with all its faults."""
    principal = {"Service": "states.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = aws("iam", "create-role", "--role-name", "own", "--assume-role-policy-document", trust)
    role = ("--role-arn", role["Role"]["Arn"])
    add = {"Type": "Pass", "Output": {"sum": "{% $states.input.a + 1 %}"}, "End": True}
    machine = {"QueryLanguage": "JSONata", "StartAt": "Add", "States": {"Add": add}}
    create = ("stepfunctions", "create-state-machine", "--name", "own", *role, "--definition")
    aws(*create, json.dumps(machine))
    start = ("stepfunctions", "start-execution", "--state-machine-arn", f"{MACHINES}:own")
    started = aws(*start, "--input", '{"a": 41}')["executionArn"]
    wait_for("the sum", lambda: "SUCCEEDED" in statuses("own").values())
    shown = aws("stepfunctions", "describe-execution", "--execution-arn", started)
    assert json.loads(shown["output"]) == {"sum": 42}, shown
    machine["States"]["Add"]["Nxt"] = "Nowhere"
    with tempfile.TemporaryDirectory() as folder:
        wrong = pathlib.Path(folder) / "wrong.json"
        wrong.write_text(json.dumps(machine), encoding="utf-8")
        assert "States.Add.Nxt" in aws(*create, f"file://{wrong}", fails=True)


onboard()
own_machine()
print("onboarding with the AWS CLI: ok")
