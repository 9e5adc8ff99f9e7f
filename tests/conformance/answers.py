"""Holds what the local AWS answers against AWS's own service models: a member that the model of the
operation does not know, or an error code that it does not name, is a fault. Imported by each script; the
faults are printed and counted at the end of `run.py`, which names the file that they are written to.

The SDK drops unknown members in silence, so the answer is read here once more as it came.
"""

import json
import os
import sys
import xml.etree.ElementTree

import boto3

# Errors that any operation of a service may answer with, which the models leave out.
# https://docs.aws.amazon.com/awssupport/latest/user/common-errors.html
COMMON = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "InternalFailure", "InvalidAction", "InvalidClientTokenId",
    "MissingAuthenticationToken", "MissingParameter", "RequestLimitExceeded", "ServiceUnavailable", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "UnknownOperationException", "ValidationError", "ValidationException",
}
# Errors that a service's own pages name and its model does not.
BY_SERVICE = {
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    "s3": {"NoSuchBucketPolicy", "NoSuchLifecycleConfiguration", "NoSuchTagSet", "PreconditionFailed", "BucketNotEmpty",
           "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError", "BadDigest", "MalformedXML",
           "InvalidBucketName", "NoSuchVersion", "MethodNotAllowed", "NotImplemented", "KeyTooLongError", "NoSuchBucket",
           "NoSuchKey", "MalformedPolicy", "403", "404", "405", "412", "501"},
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    "sqs": {"AWS.SimpleQueueService.NonExistentQueue", "InvalidParameterValue", "InvalidAttributeValue",
            "MissingParameter", "QueueDoesNotExist"},
}
OFFERED = {
    "cloudformation", "cloudtrail", "cloudwatch", "events", "iam", "lambda", "organizations", "resourcegroupstaggingapi", "s3",
    "scheduler", "service-quotas", "sns", "sqs", "ssm", "stepfunctions", "sts",
}
LOG = os.environ.get("LANDLORD_ANSWERS")


def unknown_members(shape, value, where, found):
    """Members of a JSON answer that its shape does not have."""
    if shape is None or value is None:
        return
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            wire = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            for name, inner in value.items():
                if name in wire:
                    unknown_members(wire[name], inner, f"{where}.{name}", found)
                elif name != "__type":
                    found.append(f"{where}.{name}")
        case "structure":
            found.append(f"{where} is no structure")
        case "list" if isinstance(value, list):
            for inner in value:
                unknown_members(shape.member, inner, f"{where}[]", found)
        case "list":
            found.append(f"{where} is no list")
        case "map" if isinstance(value, dict):
            for inner in value.values():
                unknown_members(shape.value, inner, f"{where}{{}}", found)
        case "string" if not isinstance(value, str):
            found.append(f"{where} is no string: {value!r}")
        case "boolean" if not isinstance(value, bool):
            found.append(f"{where} is no boolean: {value!r}")
        case "integer" | "long" if not isinstance(value, int) or isinstance(value, bool):
            found.append(f"{where} is no integer: {value!r}")


def local(node):
    """An element's name without its namespace."""
    return node.tag.rpartition("}")[2]


def unknown_elements(shape, node, where, found):
    """Elements of an XML answer that its shape does not have."""
    if shape is None:
        return
    match shape.type_name:
        case "structure":
            wire = {}
            for name, member in shape.members.items():
                flat = member.type_name == "list" and member.serialization.get("flattened")
                called = member.serialization.get("name", name)
                if flat and "name" not in member.serialization:
                    called = member.member.serialization.get("name", called)
                wire[called] = member
            for child in node:
                name = local(child)
                if name not in wire:
                    found.append(f"{where}.{name}")
                elif wire[name].type_name == "list" and wire[name].serialization.get("flattened"):
                    unknown_elements(wire[name].member, child, f"{where}.{name}", found)
                else:
                    unknown_elements(wire[name], child, f"{where}.{name}", found)
        case "list":
            item = shape.member.serialization.get("name", "member")
            for child in node:
                if local(child) != item:
                    found.append(f"{where} has {local(child)} among its {item}")
                unknown_elements(shape.member, child, f"{where}[]", found)
        case _:
            if len(node) and shape.type_name not in ("map",):
                found.append(f"{where} is no {shape.type_name}")


def check(response, parsed, model):
    """The faults of one answer."""
    service, operation = model.service_model.service_name, model.name
    if response["status_code"] >= 300:
        code = parsed.get("Error", {}).get("Code", "")
        codes = {shape.error_code for shape in model.error_shapes} | {shape.name for shape in model.error_shapes}
        known = code in codes or code in COMMON or code in BY_SERVICE.get(service, ())
        return [] if known else [f"the error {code}"]
    shape, found, body = model.output_shape, [], response["body"]
    protocol = model.service_model.resolved_protocol
    if isinstance(body, bytes) and body and "cbor" not in protocol and not model.has_streaming_output:
        if protocol in ("json", "rest-json"):
            payload = shape.serialization.get("payload") if shape else None
            inner = shape.members[payload] if payload else shape
            if inner is not None and inner.type_name == "structure":
                unknown_members(inner, json.loads(body), "", found)
        else:
            root = xml.etree.ElementTree.fromstring(body)
            wrapper = shape.serialization.get("resultWrapper") if shape else None
            nodes = [node for node in root if local(node) == wrapper] if wrapper else [root]
            payload = shape.serialization.get("payload") if shape else None
            for node in nodes if shape else []:
                inner = shape.members[payload] if payload else shape
                if inner.type_name == "structure":
                    unknown_elements(inner, node, "", found)
    return found


def look(response_dict, parsed_response, context=None, **of_event):
    """What the SDK calls with each answer."""
    model = look.models.get(of_event["event_name"])
    # Of a service that is not offered nothing comes back but a status.
    if model is None or model.service_model.service_name not in OFFERED:
        return
    faults = check(response_dict, parsed_response or {}, model)
    with open(LOG, "a", encoding="utf-8") as log:
        name = f"{model.service_model.service_name} {model.name}"
        log.writelines(f"{line}\n" for line in [f"= {name}", *(f"{name}: {fault}" for fault in faults)])


look.models = {}


def remember(model, **of_event):
    """What the SDK calls before each request."""
    look.models[f"response-received.{model.service_model.service_id.hyphenize()}.{model.name}"] = model


def watch(events):
    """Looks at what a session's clients are answered, where `run.py` asks for it."""
    if LOG:
        events.register("before-call", remember)
        events.register("response-received", look)


boto3.setup_default_session()
watch(boto3.DEFAULT_SESSION.events)


if __name__ == "__main__":
    # The AWS CLI, watched: answers.py ARGUMENTS OF AWS…
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    watch(driver.session.get_component("event_emitter"))
    sys.exit(driver.main(sys.argv[1:]))
