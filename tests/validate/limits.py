"""Sizes and counts against AWS's limits, and what a policy of an organization may say.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
"""

import json
import re

# Values as long as they get in a deployment; a parameter's is its default where it has one.
PSEUDO = {
    "AWS::AccountId": "1" * 12,
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::StackName": "landlord",
    "AWS::StackId": "arn:aws:cloudformation:ap-southeast-1:111111111111:stack/landlord/" + "0" * 36,
    "AWS::URLSuffix": "amazonaws.com.cn",
}
# A physical id or an attribute that is known only when it stands; ARNs are not longer.
MADE = "arn:aws-us-gov:service:ap-southeast-1:111111111111:landlord-a-name-that-cloudformation-made"
UNIT = "ou-abcd-12345678"
# Policies on an OU, AWS's own full access among them.
ATTACHED = {"SERVICE_CONTROL_POLICY": 10, "RESOURCE_CONTROL_POLICY": 5}


class Values:
    """What the intrinsics of a template come to, where two are possible the longer one."""

    def __init__(self, template):
        self.parameters = template.get("Parameters", {})
        self.types = {name: r["Type"] for name, r in template["Resources"].items()}

    def named(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            declared = self.parameters[name]
            value = str(declared.get("Default", "")) or "1" * 12
            return value.split(",") if "List" in declared["Type"] else value
        if self.types.get(name) == "AWS::Organizations::OrganizationalUnit":
            return UNIT
        return MADE

    def sub(self, argument):
        text, own = argument if isinstance(argument, list) else (argument, {})

        def value(match):
            name = match[1].strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            return plain(self.of(own[name]) if name in own else self.named(name.split(".")[0]))

        return re.sub(r"\$\{([^}]*)\}", value, text)

    def of(self, node):
        if isinstance(node, list):
            return [self.of(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) != 1:
            return {key: self.of(value) for key, value in node.items()}
        (name, argument), = node.items()
        if name == "Ref":
            return self.named(argument)
        if name == "Fn::GetAtt":
            return MADE
        if name == "Fn::Sub":
            return self.sub(argument)
        if name == "Fn::Join":
            return plain(argument[0]).join(plain(item) for item in self.of(argument[1]))
        if name == "Fn::Split":
            return plain(self.of(argument[1])).split(plain(argument[0]))
        if name == "Fn::Select":
            items = self.of(argument[1])
            return items[int(argument[0])] if int(argument[0]) < len(items) else MADE
        if name == "Fn::If":
            return max((self.of(branch) for branch in argument[1:]), key=lambda one: size(one))
        if name.startswith("Fn::"):
            return MADE
        return {name: self.of(argument)}


def plain(value):
    return ",".join(map(plain, value)) if isinstance(value, list) else str(value)


def size(document):
    """Characters of a document as IAM counts them: without white space around its parts."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def rows(name, text, translated):
    """(what, used, limit) for each limit of a template."""
    values = Values(translated)
    found = [
        ("parameters", len(translated.get("Parameters", {})), 200),
        ("resources, translated", len(translated["Resources"]), 500),
        ("outputs", len(translated.get("Outputs", {})), 200),
        ("template, bytes", len(text.encode()), 1_000_000),
        ("template, translated, bytes", size(translated), 1_000_000),
    ]
    if name.startswith("stacksets/"):
        # Handed over as text by a person or a test; as an object in S3 it may be 1 MB.
        found.append(("template in a request, bytes", len(text.encode()), 51_200))
    for id, resource in translated["Resources"].items():
        properties = values.of(resource.get("Properties") or {})
        found += [(f"{id}: {what}", used, limit) for what, used, limit in of_resource(resource["Type"], properties)]
    attached = {}
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::Organizations::Policy":
            properties = resource["Properties"]
            for target in properties.get("TargetIds", []):
                key = (properties["Type"], json.dumps(target, sort_keys=True))
                attached[key] = attached.get(key, 1) + 1
    for kind in sorted({kind for kind, _ in attached}):
        most = max(count for (of, _), count in attached.items() if of == kind)
        found.append((f"{kind} on one unit", most, ATTACHED[kind]))
    return found


def of_resource(kind, properties):
    if kind == "AWS::IAM::Role":
        inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        yield "inline policies", sum(map(size, inline)), 10_240
        yield "trust policy", size(properties["AssumeRolePolicyDocument"]), 2_048
    if kind == "AWS::IAM::ManagedPolicy":
        yield "managed policy", size(properties["PolicyDocument"]), 6_144
    if kind == "AWS::Organizations::Policy":
        service = properties["Type"] == "SERVICE_CONTROL_POLICY"
        yield "policy", size(properties["Content"]), 10_240 if service else 5_120
    if kind == "AWS::Lambda::Function":
        variables = properties.get("Environment", {}).get("Variables", {})
        used = sum(len(key) + len(plain(value)) for key, value in variables.items())
        yield "environment, bytes", used, 4_096
    if kind == "AWS::S3::BucketPolicy":
        yield "bucket policy", size(properties["PolicyDocument"]), 20_480
    if kind == "AWS::Events::Rule":
        yield "event pattern", size(properties.get("EventPattern", "")), 4_096


def table(name, found):
    """The nearest to its limit of each kind, and everything that is more than half used."""
    shown = {}
    for what, used, limit in found:
        key = what if used * 2 > limit else what.split(": ")[-1]
        if key not in shown or used > shown[key][1]:
            shown[key] = (what, used, limit)
    lines = [f"  {what:<52}{used:>10,} of {limit:>9,}{100 - used * 100 / limit:>7.0f} % left"
             for what, used, limit in shown.values()]
    return "\n".join([f"{name}:", *lines])


def faults(found):
    return [f"{what}: {used:,} is more than AWS's limit of {limit:,}"
            for what, used, limit in found if used > limit]


# What a resource control policy of a customer may name:
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html
RCP_SERVICES = {"s3", "sts", "kms", "sqs", "secretsmanager", "cognito-idp", "logs", "dynamodb",
                "ecr", "aoss"}


def organization_faults(translated):
    """What Organizations refuses in a policy's content."""
    for id, resource in translated["Resources"].items():
        if resource["Type"] != "AWS::Organizations::Policy":
            continue
        control = resource["Properties"]["Type"] == "RESOURCE_CONTROL_POLICY"
        statements = resource["Properties"]["Content"]["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            where = f"{id} ({statement.get('Sid')})"
            if control and statement.get("Effect") != "Deny":
                yield f"{where}: a resource control policy denies; only AWS's own allows"
            if control and statement.get("Principal") != "*":
                yield f"{where}: the principal of a resource control policy is '*'"
            actions = statement.get("Action", [])
            for action in actions if isinstance(actions, list) else [actions]:
                if control and action.split(":")[0] not in RCP_SERVICES:
                    yield f"{where}: a resource control policy can not name {action}"
            if not control and ("Principal" in statement or "NotPrincipal" in statement):
                yield f"{where}: a service control policy has no principal"


# https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
MACHINE = re.compile(r"[0-9A-Za-z_-]{1,80}")


def name_faults(translated):
    """Names that Lambda and Step Functions refuse, and no linter looks at."""
    values = Values(translated)
    for id, resource in translated["Resources"].items():
        properties = resource.get("Properties") or {}
        if resource["Type"] == "AWS::Lambda::Function":
            for name in properties.get("Environment", {}).get("Variables", {}):
                if not VARIABLE.fullmatch(name):
                    yield f"{id}: {name} is no name for an environment variable"
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            name = plain(values.of(properties.get("StateMachineName", id)))
            if not MACHINE.fullmatch(name):
                yield f"{id}: {name!r} is no name for a state machine"
