"""What `make deploy` does around SAM. Usage (with .tools/python):

    stack.py parameters FILE   reads deployment.yaml and tiers.json, writes FILE for SAM
    stack.py preflight FILE    says what stands in the way of a deploy of this stack with these parameters
    stack.py verify FILE       compares the parameters that stand in AWS, protects the stack

DEPLOYMENT and STACK are as in the Makefile; the Region is that of the AWS tools.
"""

import json
import os
import pathlib
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import parameters
import units

ROOT = pathlib.Path(__file__).resolve().parents[1]
STACK = os.environ.get("STACK", "landlord")
# CloudFormation updates none of these; SAM takes them for stacks that are there.
ONLY_DELETED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


def write(path):
    deployment = os.environ.get("DEPLOYMENT", "deployment.yaml")
    text = pathlib.Path(deployment).read_text(encoding="utf-8")
    tiers = (ROOT / "tiers.json").read_text(encoding="utf-8")
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    values = parameters.gathered((text, deployment), (tiers, "tiers.json"), template)
    meant, text = parameters.for_sam(values)
    pathlib.Path(path).write_text(text, encoding="utf-8")
    parameters.arrive(path, meant)
    print(f"{len(meant)} parameters, {len(meant['Tiers'].encode()):,} bytes of tiers")


def described(client):
    """The stack, or none."""
    try:
        return client.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def in_the_way(stack):
    """What has to be done before a stack in this state can be deployed; none when nothing has."""
    status = stack["StackStatus"] if stack else "none"
    if status in ONLY_DELETED:
        return (f"the stack {STACK} is in {status}: a first deploy failed, and it can only be deleted. "
                f"Read its events, then: aws cloudformation delete-stack --stack-name {STACK}")
    if status == "UPDATE_ROLLBACK_FAILED":
        return (f"the stack {STACK} is in {status}: see its events, then: "
                f"aws cloudformation continue-update-rollback --stack-name {STACK}")
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return f"the stack {STACK} is in {status}: wait until it is done"
    return None


def preflight(client, organizations, tagging, account, path):
    told = in_the_way(described(client))
    if told:
        raise parameters.Fault(told)
    organization = organizations.describe_organization()["Organization"]
    if organization["MasterAccountId"] != account:
        raise parameters.Fault(
            f"this is account {account}; Landlord stands in the management account {organization['MasterAccountId']}")
    if organization["FeatureSet"] != "ALL":
        raise parameters.Fault("the organization has not all features: aws organizations enable-all-features")
    roots = [root for page in organizations.get_paginator("list_roots").paginate() for root in page["Roots"]]
    on = {kind["Type"] for kind in roots[0]["PolicyTypes"] if kind["Status"] == "ENABLED"}
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        if kind not in on:
            raise parameters.Fault(
                f"{kind} is not enabled, or not yet: aws organizations enable-policy-type "
                f"--root-id {roots[0]['Id']} --policy-type {kind}")
    told = units.faults(json.loads(pathlib.Path(path).read_text(encoding="utf-8")), organizations, tagging)
    if told:
        raise parameters.Fault("; ".join(told))


def verify(client, path):
    meant = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    told = parameters.differences(meant, described(client) or {})
    if told:
        raise parameters.Fault("; ".join(told))
    client.update_termination_protection(StackName=STACK, EnableTerminationProtection=True)
    print(f"{len(meant)} parameters stand in AWS as they were meant; the stack is protected from deletion")


def main(arguments):
    try:
        match arguments:
            case ["parameters", path]:
                write(path)
            case ["preflight", path]:
                account = boto3.client("sts").get_caller_identity()["Account"]
                # Accounts are indexed in us-east-1 only.
                tagging = boto3.client("resourcegroupstaggingapi", region_name="us-east-1")
                preflight(boto3.client("cloudformation"), boto3.client("organizations"), tagging, account, path)
            case ["verify", path]:
                verify(boto3.client("cloudformation"), path)
            case _:
                sys.exit(__doc__)
    except (parameters.Fault, OSError, BotoCoreError, ClientError) as fault:
        sys.exit(f"make deploy: {fault}")


if __name__ == "__main__":
    main(sys.argv[1:])
