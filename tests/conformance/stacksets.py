"""StackSets of the local AWS, driven by boto3.

Usage: stacksets.py ENDPOINT   (a fresh world, served with a pace of at least 60)
"""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import answers  # noqa: F401: watches what is answered

KEYS = {"aws_access_key_id": "AKIALANDLORDLOCAL000", "aws_secret_access_key": "local"}
REGIONS = ["eu-central-1", "eu-west-1"]
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
ADMINISTRATION_ROLE = "AWSCloudFormationStackSetAdministrationRole"
SET = "tenant-baseline"

TEMPLATE = {
    "Parameters": {"Value": {"Type": "String", "Default": "one"}},
    "Resources": {
        "Setting": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": "/baseline/setting",
                "Type": "String",
                "Value": {"Ref": "Value"},
            },
        }
    },
}


def main(endpoint):
    def client(service, region=REGIONS[0], **keys):
        config = Config(retries={"mode": "standard", "max_attempts": 8})
        return boto3.client(
            service, region_name=region, endpoint_url=endpoint, config=config, **(keys or KEYS)
        )

    def eventually(what, look, seconds=120):
        """The first answer of `look` that is not None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = look()
            if found is not None:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen within {seconds} s")

    def refused(code, call, **members):
        """Makes sure that a call is refused with this code."""
        try:
            call(**members)
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error
            return
        raise AssertionError(f"{code} expected")

    organizations = client("organizations", "us-east-1")
    iam = client("iam", "us-east-1")
    cloudformation = client("cloudformation")

    def make_role():
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudformation.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Resource": f"arn:aws:iam::*:role/{EXECUTION_ROLE}",
                }
            ],
        }
        iam.create_role(
            RoleName=ADMINISTRATION_ROLE, AssumeRolePolicyDocument=json.dumps(trust)
        )
        iam.put_role_policy(
            RoleName=ADMINISTRATION_ROLE, PolicyName="p", PolicyDocument=json.dumps(policy)
        )

    def make_account(name):
        begun = organizations.create_account(
            AccountName=name, Email=f"aws+{name}@example.com", RoleName=EXECUTION_ROLE
        )
        request = begun["CreateAccountStatus"]["Id"]

        def done():
            status = organizations.describe_create_account_status(CreateAccountRequestId=request)
            status = status["CreateAccountStatus"]
            assert status["State"] != "FAILED", status
            return status.get("AccountId")

        return eventually(f"the account {name}", done)

    def setting(account, region):
        """The value of the template's parameter in an account, or None."""
        role = f"arn:aws:iam::{account}:role/{EXECUTION_ROLE}"

        def session():
            try:
                answer = client("sts").assume_role(RoleArn=role, RoleSessionName="conformance")
                return answer["Credentials"]
            except ClientError:
                return None

        keys = eventually("the session", session)
        ssm = client(
            "ssm",
            region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        try:
            return ssm.get_parameter(Name="/baseline/setting")["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            return None

    def ended(operation):
        """An operation once it has ended."""

        def look():
            found = cloudformation.describe_stack_set_operation(
                StackSetName=SET, OperationId=operation
            )["StackSetOperation"]
            return found if found["Status"] in ("SUCCEEDED", "FAILED", "STOPPED") else None

        return eventually(f"the end of {operation}", look)

    def results(operation, count, page=2, **more):
        """All results of an operation, page by page, once the list has caught up."""

        def look():
            pages = cloudformation.get_paginator("list_stack_set_operation_results").paginate(
                StackSetName=SET,
                OperationId=operation,
                PaginationConfig={"PageSize": page},
                **more,
            )
            rows = [row for one in pages for row in one["Summaries"]]
            open_ones = [row for row in rows if row["Status"] in ("PENDING", "RUNNING")]
            return rows if len(rows) == count and not open_ones else None

        return eventually(f"the results of {operation}", look)

    def instances(**more):
        pages = cloudformation.get_paginator("list_stack_instances").paginate(
            StackSetName=SET, PaginationConfig={"PageSize": 2}, **more
        )
        return [row for one in pages for row in one["Summaries"]]

    make_role()
    accounts = sorted(make_account(f"tenant-{number}") for number in range(3))

    # A stack set, and instances in three accounts and two Regions.
    made = cloudformation.create_stack_set(
        StackSetName=SET, Description="What a tenant has", TemplateBody=json.dumps(TEMPLATE)
    )
    assert made["StackSetId"].startswith(f"{SET}:")
    everywhere = {"StackSetName": SET, "Accounts": accounts, "Regions": REGIONS}
    wide = {
        "RegionConcurrencyType": "PARALLEL",
        "MaxConcurrentPercentage": 100,
        "FailureTolerancePercentage": 100,
        "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
    }
    # New accounts refuse for a while: whoever is too early tries again.
    attempt = 0
    while True:
        attempt += 1
        operation = f"create-{attempt}"
        cloudformation.create_stack_instances(
            **everywhere, OperationId=operation, OperationPreferences=wide
        )
        details = ended(operation)["StatusDetails"]
        if details["FailedStackInstancesCount"] == 0:
            break
        assert attempt < 50, details
    refused(
        "OperationIdAlreadyExistsException",
        cloudformation.create_stack_instances,
        **everywhere,
        OperationId=operation,
    )
    rows = results(operation, 6)
    assert {row["Status"] for row in rows} == {"SUCCEEDED"}
    assert {row["AccountGateResult"]["Status"] for row in rows} == {"SKIPPED"}
    assert {row["Status"] for row in instances()} == {"CURRENT"}
    assert setting(accounts[0], REGIONS[1]) == "one"

    # An update that fails in one account.
    deny = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "ssm:PutParameter", "Resource": "*"}],
    }
    policy = organizations.create_policy(
        Name="no-parameters", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(deny)
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=accounts[1])
    cloudformation.update_stack_set(
        StackSetName=SET,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Value", "ParameterValue": "two"}],
        OperationPreferences={"FailureToleranceCount": 1, "MaxConcurrentCount": 2},
        OperationId="update",
    )
    update = ended("update")
    assert update["Status"] == "SUCCEEDED", update
    assert update["StatusDetails"]["FailedStackInstancesCount"] == 2
    status = [{"Name": "OPERATION_RESULT_STATUS", "Values": "FAILED"}]
    rows = results("update", 2, Filters=status)
    assert {row["Account"] for row in rows} == {accounts[1]}
    assert "ResourceLogicalId:Setting" in rows[0]["StatusReason"], rows[0]
    outdated = instances(Filters=[{"Name": "DETAILED_STATUS", "Values": "FAILED"}])
    assert {(row["Account"], row["Status"]) for row in outdated} == {(accounts[1], "OUTDATED")}
    assert setting(accounts[0], REGIONS[0]) == "two"
    assert setting(accounts[1], REGIONS[0]) == "one"
    organizations.detach_policy(PolicyId=policy, TargetId=accounts[1])

    # A stop: one account at a time, so most of it has not started.
    cloudformation.update_stack_instances(**everywhere, OperationId="stopped")
    refused(
        "OperationInProgressException",
        cloudformation.update_stack_instances,
        **everywhere,
        OperationId="too-early",
    )
    cloudformation.stop_stack_set_operation(StackSetName=SET, OperationId="stopped")
    assert ended("stopped")["Status"] == "STOPPED"
    states = {row["Status"] for row in results("stopped", 6)}
    assert "CANCELLED" in states and states <= {"SUCCEEDED", "CANCELLED"}, states

    # A deletion with retained stacks.
    refused("StackSetNotEmptyException", cloudformation.delete_stack_set, StackSetName=SET)
    cloudformation.delete_stack_instances(
        **everywhere, RetainStacks=True, OperationId="retained", OperationPreferences=wide
    )
    assert ended("retained")["Status"] == "SUCCEEDED"
    assert instances() == []
    assert setting(accounts[2], REGIONS[1]) == "two"
    listed = cloudformation.list_stack_set_operations(StackSetName=SET)["Summaries"]
    assert listed[-1]["OperationId"] == "create-1"
    cloudformation.delete_stack_set(StackSetName=SET)
    refused(
        "StackSetNotFoundException", cloudformation.describe_stack_set, StackSetName=SET
    )
    print("StackSets by boto3: as AWS documents them")


if __name__ == "__main__":
    main(sys.argv[1])
