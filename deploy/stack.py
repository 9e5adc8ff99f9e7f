"""What `make deploy` does around SAM. Usage (with .tools/python):

    stack.py parameters FILE   reads deployment.yaml and tiers.json, writes FILE for SAM
    stack.py check             says what stands in the way of a deploy: `landlord check`
    stack.py canary            sends a signup that has to be rejected, and hears its answer: `landlord canary`
    stack.py verify FILE       compares the parameters that stand in AWS, protects the stack

DEPLOYMENT, STACK, CHECK and ACCEPT are as in the Makefile, LANDLORD is the command `landlord`; the Region is
that of the AWS tools.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import parameters

ROOT = pathlib.Path(__file__).resolve().parents[1]
STACK = os.environ.get("STACK", "landlord")
# The operators' command alone: no stand-in, no demos.
LANDLORD = "cargo run -q --locked -p landlord --no-default-features --"
# Its exit status when it found something.
FINDINGS = 3


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


def command(environment, *words):
    """The command `landlord` with these words, for the stack that the environment says."""
    program = shlex.split(environment.get("LANDLORD") or LANDLORD)
    return [*program, *words, "--stack", environment.get("STACK", "landlord")]


def check_command(environment):
    """`landlord check` of this repository's files, as the environment says."""
    words = command(environment, "check", str(ROOT), "--deployment", environment.get("DEPLOYMENT", "deployment.yaml"))
    for name in environment.get("ACCEPT", "").replace(",", " ").split():
        words += ["--accept", name]
    return words


def check(environment, run):
    """Says what stands in the way of a deploy; refuses when something does."""
    if environment.get("CHECK") == "0":
        print("not checked, as CHECK=0 says")
        return
    status = run(check_command(environment))
    if status == FINDINGS:
        raise parameters.Fault(
            "this stands in the way; mend it, or say ACCEPT=NAME for a finding that is known, several apart by "
            "blanks. CHECK=0 deploys without a look")
    if status != 0:
        raise parameters.Fault("the check did not come to its end; CHECK=0 deploys without it")


def canary(environment, run):
    """Sees that what is deployed works: a signup goes in, and its rejection comes back."""
    if run(command(environment, "canary")) != 0:
        raise parameters.Fault(
            'it is deployed, and the canary did not come back: docs/runbook.md, "The canary does not come back"')


def verify(client, path):
    meant = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    told = parameters.differences(meant, described(client) or {})
    if told:
        raise parameters.Fault("; ".join(told))
    client.update_termination_protection(StackName=STACK, EnableTerminationProtection=True)
    print(f"{len(meant)} parameters stand in AWS as they were meant; the stack is protected from deletion")


def ended(words):
    """The exit status of a command."""
    return subprocess.run(words, check=False).returncode


def main(arguments):
    try:
        match arguments:
            case ["parameters", path]:
                write(path)
            case ["check"]:
                check(os.environ, ended)
            case ["canary"]:
                canary(os.environ, ended)
            case ["verify", path]:
                verify(boto3.client("cloudformation"), path)
            case _:
                sys.exit(__doc__)
    except (parameters.Fault, OSError, BotoCoreError, ClientError) as fault:
        sys.exit(f"make deploy: {fault}")


if __name__ == "__main__":
    main(sys.argv[1:])
