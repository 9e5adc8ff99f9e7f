"""Organizations, STS, IAM and the tagging API of the local AWS, driven by boto3.

Usage: organizations.py ENDPOINT   (a fresh world, served with a pace of at least 60)
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import answers  # noqa: F401: watches what is answered

ENDPOINT = sys.argv[1]
KEYS = {"aws_access_key_id": "AKIALANDLORDLOCAL000", "aws_secret_access_key": "local"}


def client(service, region="us-east-1", keys=None):
    """A client of the local AWS, as the management account unless other keys are given."""
    config = Config(retries={"mode": "standard", "max_attempts": 8})
    return boto3.client(
        service, region_name=region, endpoint_url=ENDPOINT, config=config, **(keys or KEYS)
    )


def wait_for(what, look, seconds=60):
    """The first answer of `look` that is not None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def refused(code, call, **members):
    """The error of a call that must be refused with this code."""
    try:
        call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"{code} expected")


organizations = client("organizations")
root = organizations.list_roots()["Roots"][0]["Id"]
unit = organizations.create_organizational_unit(ParentId=root, Name="General")
unit = unit["OrganizationalUnit"]["Id"]

request = organizations.create_account(
    AccountName="tenant-acme",
    Email="aws+acme@example.com",
    Tags=[{"Key": "landlord:tenant", "Value": "acme"}],
)["CreateAccountStatus"]["Id"]


def created():
    """The account's id once it exists."""
    status = organizations.describe_create_account_status(CreateAccountRequestId=request)
    return status["CreateAccountStatus"].get("AccountId")


account = wait_for("the account", created)
described = organizations.describe_account(AccountId=account)["Account"]
assert described["State"] == "ACTIVE", described
assert described["JoinedTimestamp"].year >= 2024, described
organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit)
assert organizations.list_parents(ChildId=account)["Parents"][0]["Id"] == unit
refused(
    "DuplicateAccountException",
    organizations.move_account,
    AccountId=account,
    SourceParentId=root,
    DestinationParentId=unit,
)
error = refused("InvalidInputException", organizations.list_accounts, MaxResults=20, NextToken="x")
assert error["Reason"] == "INVALID_NEXT_TOKEN", error


def listed():
    """All accounts, once the list has caught up."""
    pages = organizations.get_paginator("list_accounts").paginate()
    ids = [entry["Id"] for page in pages for entry in page["Accounts"]]
    return ids if account in ids else None


wait_for("the account in the list", listed)


def indexed():
    """The account in the tagging API's index."""
    found = client("resourcegroupstaggingapi").get_resources(
        ResourceTypeFilters=["organizations:account"],
        TagFilters=[{"Key": "landlord:tenant", "Values": ["acme"]}],
    )
    assert found["PaginationToken"] == "", found
    return found["ResourceTagMappingList"] or None


arn = wait_for("the account in the index", indexed)[0]["ResourceARN"]
assert arn.endswith(account), arn

sts = client("sts", "eu-central-1")
assert sts.get_caller_identity()["Account"] == "111122223333"


def assumed():
    """Keys of the account's role, once it can be assumed."""
    try:
        return sts.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole",
            RoleSessionName="boto3",
        )["Credentials"]
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == "AccessDenied", failure
        return None


keys = wait_for("the role", assumed)
keys = {
    "aws_access_key_id": keys["AccessKeyId"],
    "aws_secret_access_key": keys["SecretAccessKey"],
    "aws_session_token": keys["SessionToken"],
}
identity = client("sts", "eu-central-1", keys).get_caller_identity()
assert identity["Account"] == account, identity
assert identity["Arn"].endswith("assumed-role/OrganizationAccountAccessRole/boto3"), identity

iam = client("iam", keys=keys)
trust = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"lambda.amazonaws.com"}}]}'
)
policy = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter",'
    '"Resource":"*"}]}'
)
role = iam.create_role(RoleName="gate", Path="/landlord/", AssumeRolePolicyDocument=trust)["Role"]
assert role["Arn"] == f"arn:aws:iam::{account}:role/landlord/gate", role
iam.put_role_policy(RoleName="gate", PolicyName="read", PolicyDocument=policy)
stored = iam.get_role_policy(RoleName="gate", PolicyName="read")["PolicyDocument"]
assert stored["Statement"][0]["Action"] == "ssm:GetParameter", stored
names = {entry["RoleName"] for entry in iam.list_roles()["Roles"]}
assert {"gate", "OrganizationAccountAccessRole"} <= names, names
refused("DeleteConflict", iam.delete_role, RoleName="gate")
refused("NoSuchEntity", iam.get_role, RoleName="nobody")

control = organizations.create_policy(
    Type="SERVICE_CONTROL_POLICY",
    Name="NoRoles",
    Description="",
    Content='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}',
)["Policy"]["PolicySummary"]["Id"]
organizations.attach_policy(PolicyId=control, TargetId=unit)
error = refused("AccessDenied", iam.get_role, RoleName="gate")
assert "explicit deny in a service control policy" in error["Error"]["Message"], error
organizations.detach_policy(PolicyId=control, TargetId=unit)
iam.get_role(RoleName="gate")

organizations.close_account(AccountId=account)


def closed():
    """The account's last state."""
    state = organizations.describe_account(AccountId=account)["Account"]["State"]
    return state if state != "PENDING_CLOSURE" else None


assert wait_for("the closing", closed) == "CLOSED"
refused("AccountAlreadyClosedException", organizations.close_account, AccountId=account)
print("organizations, sts, iam, tagging: ok")
