"""EventBridge Scheduler of the local AWS, driven by boto3 and the AWS CLI.

Usage: scheduler.py ENDPOINT   (a fresh world, served with a pace of at least 60)
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import boto3
from botocore.exceptions import ClientError

import answers  # noqa: F401: watches what is answered

ENDPOINT = sys.argv[1]
KEYS = {"aws_access_key_id": "AKIALANDLORDLOCAL000", "aws_secret_access_key": "local"}
CLI = pathlib.Path(sys.executable).parent / "aws"


def client(service):
    """A client of the local AWS as the management account."""
    return boto3.client(service, region_name="eu-central-1", endpoint_url=ENDPOINT, **KEYS)


def refused(code, call, **members):
    """The call must be refused with this code."""
    try:
        call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"{code} expected")


def role(name, service, action):
    """The ARN of a role that a service assumes and that may do one thing."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=policy)
    return arn


iam, states, scheduler = client("iam"), client("stepfunctions"), client("scheduler")
machine_role = role("machine", "states.amazonaws.com", "lambda:InvokeFunction")
start_role = role("starter", "scheduler.amazonaws.com", "states:StartExecution")
definition = {
    "QueryLanguage": "JSONata",
    "StartAt": "Done",
    "States": {"Done": {"Type": "Succeed"}},
}
machine = states.create_state_machine(
    name="swept", roleArn=machine_role, definition=json.dumps(definition)
)["stateMachineArn"]

wanted = {
    "Name": "sweep",
    "ScheduleExpression": "rate(1 minute)",
    "ScheduleExpressionTimezone": "Europe/Berlin",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "State": "DISABLED",
    "Target": {
        "Arn": machine,
        "RoleArn": start_role,
        "Input": '{"sweep":"<aws.scheduler.execution-id>"}',
        "RetryPolicy": {"MaximumRetryAttempts": 2},
    },
}
arn = scheduler.create_schedule(**wanted)["ScheduleArn"]
assert arn == "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/sweep", arn
refused("ConflictException", scheduler.create_schedule, **wanted)
refused("ResourceNotFoundException", scheduler.get_schedule, Name="nobody")
refused(
    "ValidationException",
    scheduler.create_schedule,
    **{**wanted, "Name": "never", "ScheduleExpression": "cron(0 3 * * * *)"},
)
shown = scheduler.get_schedule(Name="sweep", GroupName="default")
assert shown["State"] == "DISABLED", shown
assert shown["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 86400, shown
assert shown["CreationDate"].year >= 2024, shown
pages = scheduler.get_paginator("list_schedules").paginate(NamePrefix="sw")
assert [row["Name"] for page in pages for row in page["Schedules"]] == ["sweep"]
assert not states.list_executions(stateMachineArn=machine)["executions"]

environment = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
    "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": ENDPOINT,
}
enabled = json.dumps({**wanted, "State": "ENABLED"})
command = [CLI, "scheduler", "update-schedule", "--cli-input-json", enabled]
subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

end = time.monotonic() + 60
while not (found := states.list_executions(stateMachineArn=machine)["executions"]):
    assert time.monotonic() < end, "the schedule did not start its machine within 60 s"
    time.sleep(0.2)
given = states.describe_execution(executionArn=found[-1]["executionArn"])["input"]
assert len(json.loads(given)["sweep"]) == 16, given
scheduler.delete_schedule(Name="sweep")
refused("ResourceNotFoundException", scheduler.delete_schedule, Name="sweep")
print("scheduler: ok")
