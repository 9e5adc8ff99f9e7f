"""The wire of the local AWS, held against AWS's own service models (those of botocore).

For each service that is offered:
- every operation of the model that is not offered is refused, and the refusal names it;
- every member in local/aws/src/wire/members.txt is a member of the model, spelled as there;
- every input member of an offered operation that is not in the table is refused by name, alone among
  members that are read.

Usage: models.py ENDPOINT   (a fresh world, served by `examples/serve`)
"""

import pathlib
import re
import sys

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import answers  # noqa: F401: watches what is answered

ENDPOINT = sys.argv[1]
WIRE = pathlib.Path(__file__).parents[2] / "local" / "aws" / "src" / "wire"
TABLE, ROUTES = WIRE / "members.txt", WIRE / "s3" / "routes.rs"
KEYS = {"aws_access_key_id": "AKIALANDLORDLOCAL000", "aws_secret_access_key": "local"}
BUCKET = "models-check"
# Headers that say how a body travels and is checked on its way (`OF_TRANSPORT` in local/aws/src/wire/mod.rs).
TRANSPORT = re.compile("content-md5|x-amz-(sdk-checksum-algorithm|checksum-(crc32|crc32c|crc64nvme|sha1))")
# HTTP's own headers of an object, which S3 keeps.
OF_OBJECTS = re.compile("cache-control|content-(disposition|encoding|language|type)|expires|x-amz-meta-")
# The same request as an operation with a newer name.
OLD_NAMES = {("s3", "GetBucketLifecycle"), ("s3", "PutBucketLifecycle")}
# What the stand-in calls a service, where botocore calls it something else.
CLIENTS = {"states": "stepfunctions", "tag": "resourcegroupstaggingapi", "servicequotas": "service-quotas"}
# How an unknown operation is called: in the query protocol, by S3, and by the others.
UNKNOWN = ("InvalidAction", "NotImplemented", "UnknownOperationException")


def table():
    """(service, operation) to the members that are read; for S3, see `s3_table`."""
    read = {}
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            service, operation, *members = line.split()
            read[service, operation] = {member.lstrip("+") for member in members}
    return read


def s3_table(model):
    """The same for S3, whose routes name query keys and headers instead of members."""
    source = ROUTES.read_text()
    lists = {name: set(re.findall(r'"([^"]+)"', body)) for name, body in
             re.findall(r"const (OF_\w+|OWNER): &\[&str\] =\s*&\[(.*?)\];", source, re.S)}
    read = {}
    pattern = r'route\(\s*\(([^)]*(?:\([^)]*\))?[^)]*)\),\s*"(\w+)",\s*([^,]+),\s*([^,)]+),?\s*\)'
    for _, operation, query, headers in re.findall(pattern, source):
        wire = {key.lower() for name in (query, headers) for key in lists.get(name.strip(), ())}
        shape = model.operation_model(operation).input_shape
        read["s3", operation] = set()
        for member, shape in (shape.members if shape else {}).items():
            name = shape.serialization.get("name", "").lower()
            elsewhere = shape.serialization.get("location") not in ("querystring", "header", "headers")
            kept = operation == "PutObject" and OF_OBJECTS.fullmatch(name)
            if elsewhere or kept or name in wire:
                read["s3", operation].add(member)
    return read


def client(service):
    """A client that sends what it is told, once."""
    config = Config(
        retries={"max_attempts": 1}, parameter_validation=False, inject_host_prefix=False,
        s3={"addressing_style": "path"}, disable_request_compression=True,
    )
    name = CLIENTS.get(service, service)
    return boto3.client(name, region_name="us-east-1", endpoint_url=ENDPOINT, config=config, **KEYS)


def value(shape, deep=0):
    """A value of a shape, which need not be a sensible one."""
    if getattr(shape, "enum", None):
        return shape.enum[0]
    match shape.type_name:
        case "structure":
            members = shape.members if deep < 3 else {}
            chosen = shape.required_members or list(members)[:1]
            return {name: value(shape.members[name], deep + 1) for name in chosen}
        case "list":
            return [value(shape.member, deep + 1)]
        case "map":
            return {value(shape.key, deep + 1): value(shape.value, deep + 1)}
        case "boolean":
            return True
        case "integer" | "long":
            return 1
        case "double" | "float":
            return 1.0
        case "timestamp":
            return 1_700_000_000
        case "blob":
            return b"x"
        case _:
            least = shape.metadata.get("min", 1)
            return ("x" * max(least, 1))[:64] if least <= 64 else "x" * least


def ask(caller, operation, members):
    """(code, message) of what came back; no code for an answer."""
    method = getattr(caller, botocore.xform_name(operation))
    try:
        method(**members)
    except ClientError as error:
        found = error.response["Error"]
        return found.get("Code", ""), found.get("Message", "")
    except (BotoCoreError, ValueError, TypeError, KeyError) as error:
        return "not sent", f"{type(error).__name__}: {error}"
    return None, ""


def refused(code):
    """Whether an answer says that the stand-in does not know this. HEAD has no body, only its status."""
    return code in (*UNKNOWN, "501")


def unsigned(model, operation, code):
    """Whether a call that the SDK sends without a signature was refused for that."""
    return model.operation_model(operation).auth_type == "none" and code in ("MissingAuthenticationToken", "403")


def names(message, member, shape):
    """Whether a refusal names a member, as the model or the wire calls it."""
    wire = shape.serialization.get("name", member)
    return member in message or wire.lower() in message.lower()


def check_others(offered, faults, counts):
    """Services that are not offered at all."""
    session = botocore.session.get_session()
    for service in session.get_available_services():
        if service in offered:
            continue
        caller = client(service)
        model = caller.meta.service_model
        operation = next((name for name in model.operation_names if name.startswith(("List", "Describe"))),
                         model.operation_names[0])
        shape = model.operation_model(operation).input_shape
        required = {name: value(shape.members[name]) for name in (shape.required_members if shape else [])}
        code, message = ask(caller, operation, required)
        counts["services"] += 1
        if code == "not sent":
            counts["not sent"] += 1
        # What the SDK signs otherwise, or not at all, is refused for that.
        elif not refused(code) and code not in ("403", "400", "MissingAuthenticationToken"):
            faults.append(f"{service} {operation}, of a service that is not offered: {code} {message}"[:300])


def check_service(service, read, faults, counts):
    """One service against its model."""
    caller = client(service)
    model = caller.meta.service_model
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        members = shape.members if shape else {}
        required = {name: value(members[name]) for name in (shape.required_members if shape else [])}
        if (service, operation) in OLD_NAMES:
            continue
        if service == "s3" and "Bucket" in members:
            required["Bucket"] = BUCKET
        if (service, operation) not in read:
            code, message = ask(caller, operation, required)
            counts["operations"] += 1
            if code == "not sent":
                counts["not sent"] += 1
            elif not refused(code) and not unsigned(model, operation, code):
                faults.append(f"{service} {operation}, which is not offered: {code} {message}"[:300])
            continue
        # Of things that are not there: the name of the error is held against the model by answers.py.
        ask(caller, operation, required | ({"Bucket": "not-there"} if "Bucket" in required else {}))
        known = read[service, operation]
        for member in sorted(known - set(members)):
            faults.append(f"{service} {operation} reads {member}, which the model does not know")
        for member in sorted(set(members) - known):
            if TRANSPORT.fullmatch(members[member].serialization.get("name", "").lower()):
                continue
            code, message = ask(caller, operation, required | {member: value(members[member])})
            counts["members"] += 1
            if code == "not sent":
                counts["not sent"] += 1
            elif not refused(code) or code != "501" and not names(message, member, members[member]):
                faults.append(f"{service} {operation} with {member}: {code} {message}"[:300])


def main():
    read = table()
    read |= s3_table(client("s3").meta.service_model)
    client("s3").create_bucket(Bucket=BUCKET)
    faults, counts = [], {"services": 0, "operations": 0, "members": 0, "not sent": 0}
    services = sorted({service for service, _ in read})
    for service in services:
        check_service(service, read, faults, counts)
    client("s3").head_bucket(Bucket=BUCKET)
    check_others({CLIENTS.get(service, service) for service in services}, faults, counts)
    for fault in faults:
        print(fault)
    print(
        f"models.py: {len(read)} operations are offered; {counts['services']} other services, {counts['operations']} "
        f"other operations and {counts['members']} members that are not read were tried, {counts['not sent']} of them "
        f"refused by the SDK itself; {len(faults)} not as they should be"
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
