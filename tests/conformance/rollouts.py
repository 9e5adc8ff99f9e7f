"""Roll-outs with the AWS CLI as the runbook has it, in a world of `landlord up`: started, held, gone
on with, approved, refused and stopped.

Usage: rollouts.py ENDPOINT
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
ROOT = pathlib.Path(__file__).parent.parent.parent
STACK_SET = "landlord-tenant-baseline"
TENANTS = ["acacia", "hudson", "acme"]  # one each in Canary, Early and General


def aws(*arguments, text=None):
    """What the AWS CLI answers."""
    command = [sys.executable, ANSWERS, *arguments]
    if "s3" != arguments[0]:
        command += ["--output", "json"]
    done = subprocess.run(
        command, env=ENVIRONMENT, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    if arguments[0] == "s3" or not done.stdout.strip():
        return done.stdout
    return json.loads(done.stdout)


def wait_for(what, holds, seconds=120):
    """Waits until something holds, and answers it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.5)
    return found


OUTPUTS = {
    one["OutputKey"]: one["OutputValue"]
    for one in aws("cloudformation", "describe-stacks", "--stack-name", "landlord")["Stacks"][0][
        "Outputs"
    ]
}
BUCKET = OUTPUTS["RunsBucketName"]
MACHINE = OUTPUTS["RollOutStateMachineArn"]


def execution_arn(name):
    """The ARN of a roll-out."""
    return MACHINE.replace(":stateMachine:", ":execution:") + f":{name}"


def described(name):
    """A roll-out's execution."""
    return aws("stepfunctions", "describe-execution", "--execution-arn", execution_arn(name))


def ended(name):
    """How a roll-out ended, once it has: its outcome."""
    shown = described(name)
    if shown["status"] == "RUNNING":
        return None
    if shown["status"] == "SUCCEEDED":
        return json.loads(shown["output"])["outcome"]
    assert shown["error"] == "RolloutStopped", shown
    return json.loads(shown["cause"])["outcome"]


def operations():
    """The ids of the set's operations."""
    listed = aws("cloudformation", "list-stack-set-operations", "--stack-set-name", STACK_SET)
    return [one["OperationId"] for one in listed["Summaries"]]


def onboard():
    """Three tenants stand in three units."""
    for tenant in TENANTS:
        detail = {"tenantId": tenant, "tenantName": tenant, "tier": "standard"}
        entry = {
            "EventBusName": "landlord",
            "Source": "saas.signup",
            "DetailType": "TenantSignedUp",
            "Detail": json.dumps(detail),
        }
        aws("events", "put-events", "--entries", json.dumps([entry]))
    machine = MACHINE.replace("landlord-roll-out", "landlord-onboard-tenant")
    listing = ("stepfunctions", "list-executions", "--state-machine-arn", machine)
    wait_for(
        "onboarding",
        lambda: [one["status"] for one in aws(*listing)["executions"]].count("SUCCEEDED") == 3,
    )


def start(number, approval=False, dry_run=False):
    """Brings the baseline's next version and starts its roll-out; answers its name."""
    template = (ROOT / "stacksets" / "tenant-baseline.yaml").read_text(encoding="utf-8")
    template = template.replace('"version":"1"', f'"version":"{number}"')
    key = f"templates/change-{number}.yaml"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "template.yaml"
        file.write_text(template, encoding="utf-8")
        aws("s3", "cp", str(file), f"s3://{BUCKET}/{key}")
    wave = {
        "dwellSeconds": 1,
        "preferences": {
            "maxConcurrentCount": 2,
            "concurrencyMode": "SOFT_FAILURE_TOLERANCE",
        },
    }
    waves = [
        {**wave, "name": "canary", "accounts": {"organizationalUnit": "Canary"}},
        {**wave, "name": "rest", "accounts": {"rest": True}, "approval": approval},
    ]
    name = f"{STACK_SET}_change-{number}"
    document = {
        "version": 1,
        "stackSet": STACK_SET,
        "templateUrl": f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/{key}",
        "plan": {"waves": waves, "deadlineSeconds": 3600},
        "dryRun": dry_run,
    }
    started = ("stepfunctions", "start-execution", "--state-machine-arn", MACHINE, "--name", name)
    aws(*started, "--input", json.dumps(document))
    return name


def versions():
    """The version of the baseline that the set has."""
    shown = aws("cloudformation", "describe-stack-set", "--stack-set-name", STACK_SET)
    body = shown["StackSet"]["TemplateBody"]
    return body.split('"version":"', 1)[1].split('"', 1)[0]


def task_token(name):
    """The token of the approval that a roll-out waits for, from its history."""
    history = ("stepfunctions", "get-execution-history", "--reverse-order", "--max-items", "5")
    for event in aws(*history, "--execution-arn", execution_arn(name))["events"]:
        parameters = event.get("taskScheduledEventDetails", {}).get("parameters", "")
        if "--task-token " in parameters:
            message = json.loads(parameters)["Message"]
            return message.split("--task-token ", 1)[1].split()[0]
    return None


def dry_run():
    """What would be touched is said, and nothing is."""
    name = start(9, dry_run=True)
    wait_for("the plan", lambda: ended(name) == "PLANNED")
    output = json.loads(described(name)["output"])
    assert output["summary"]["accounts"] == 3, output
    assert not [one for one in operations() if one.startswith("roll-")]


def paused_and_resumed():
    """A roll-out waits after its wave while `pause` is there."""
    control = f"s3://{BUCKET}/rollouts/{STACK_SET}_change-2/control"
    aws("s3", "cp", "-", f"{control}/pause", text="waiting for the keynote")
    name = start(2)
    wait_for("the first wave", lambda: any("w01of02" in one for one in operations()))
    time.sleep(8)
    assert not any("w02of02" in one for one in operations()), operations()
    aws("s3", "rm", f"{control}/pause")
    assert wait_for("the end", lambda: ended(name)) == "SUCCEEDED"
    assert versions() == "2"


def approved_and_refused():
    """A person says yes, and another time no."""
    name = start(3, approval=True)
    token = wait_for("the question", lambda: task_token(name))
    success = ("stepfunctions", "send-task-success", "--task-output", "{}")
    aws(*success, "--task-token", token)
    assert wait_for("the end", lambda: ended(name)) == "SUCCEEDED"
    name = start(4, approval=True)
    token = wait_for("the question", lambda: task_token(name))
    failure = ("stepfunctions", "send-task-failure", "--error", "Refused", "--cause", "not today")
    aws(*failure, "--task-token", token)
    assert wait_for("the end", lambda: ended(name)) == "ROLLED_BACK"
    assert versions() == "3"


def stopped():
    """An operator stops a roll-out, and reads who stands where."""
    name = start(5, approval=True)
    wait_for("the question", lambda: task_token(name))
    token = task_token(name)
    control = f"s3://{BUCKET}/rollouts/{name}/control"
    aws("s3", "cp", "-", f"{control}/stop-leave", text="customers complain")
    success = ("stepfunctions", "send-task-success", "--task-output", "{}")
    aws(*success, "--task-token", token)
    assert wait_for("the end", lambda: ended(name)) == "LEFT"
    assert versions() == "3", "new tenants would get the change"
    rows = json.loads(aws("s3", "cp", f"s3://{BUCKET}/rollouts/{name}/not-current.json", "-"))
    assert [row["template"] for row in rows] == ["NEW"], rows
    assert "control/stop-leave" in aws("s3", "ls", f"s3://{BUCKET}/rollouts/{name}/", "--recursive")


onboard()
dry_run()
paused_and_resumed()
approved_and_refused()
stopped()
print("roll-outs with the AWS CLI: ok")
