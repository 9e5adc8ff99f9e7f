"""The parameters of a deploy: read from files, checked against the template, and handed over so that
they arrive as they were written.

SAM's own way from a file to a parameter changes values: a boolean becomes `True`, an account's id
without quotes loses its leading zero, and `\\"` becomes `"`, which is no JSON any more. Here every
scalar of deployment.yaml is text, as it stands there, and what SAM will make of the file that is
written for it is compared with what was meant, by SAM's own converter, before anything is deployed.
"""

import difflib
import json
import re

import yaml
from samcli.cli.types import CfnParameterOverridesType
from samtranslator.yaml_helper import yaml_parse

LONGEST_VALUE = 4_096


class Fault(Exception):
    """One line that says which value is wrong, and what would be right."""


class Scalars(yaml.BaseLoader):
    """YAML whose scalars are all text, and whose keys occur once."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise Fault(f"line {key.start_mark.line + 1}: {key.value} occurs twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text, name):
    """The values of a parameters' file: text, or lists of text joined by commas."""
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        values = yaml.load(text, Loader=Scalars) or {}
    except yaml.YAMLError as error:
        raise Fault(f"{name}: {' '.join(str(error).split())}") from error
    except Fault as fault:
        raise Fault(f"{name}: {fault}") from fault
    if not isinstance(values, dict):
        raise Fault(f"{name}: expected lines like 'HomeRegion: eu-central-1'")
    return {key: plain(name, key, value) for key, value in values.items()}


def plain(name, key, value):
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(item.strip() for item in value)
    if isinstance(value, str):
        return value
    raise Fault(f"{name}: {key}: expected text or a list of texts; JSON stands between quotes")


def tiers(text, name):
    """The text of tiers.json, as short as it gets, and without what SAM would change."""

    def once(pairs):
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise Fault(f"{name}: the key {twice!r} occurs twice")
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise Fault(f"{name}: line {error.lineno}, column {error.colno}: {error.msg}") from error
    if isinstance(value, dict):
        # For editors alone.
        value.pop("$schema", None)
    return survives(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def survives(text):
    """JSON whose strings have no backslash before a quote, a blank or a backslash."""
    return text.replace("\\\\", "\\u005c").replace('\\"', "\\u0022")


def is_json(value):
    if value[:1] not in ("{", "["):
        return False
    try:
        json.loads(value)
    except json.JSONDecodeError:
        return False
    return True


def check(values, template):
    """Each value against what the template declares."""
    declared = template["Parameters"]
    for key in values:
        if key not in declared:
            near = difflib.get_close_matches(key, declared, 1)
            hint = f"; {near[0]}?" if near else ""
            raise Fault(f"{key}: the template has no such parameter{hint}")
    for key, parameter in declared.items():
        if key not in values and "Default" not in parameter:
            raise Fault(f"{key}: has no default, so it has to be given")
        if key in values:
            check_one(key, values[key], parameter)


def check_one(key, value, parameter):
    size = len(value.encode())
    if size > LONGEST_VALUE:
        raise Fault(f"{key}: {size:,} bytes are more than the 4,096 of a parameter")
    allowed = [str(one) for one in parameter.get("AllowedValues", [])]
    pattern = parameter.get("AllowedPattern")
    for item in value.split(",") if "List" in parameter["Type"] and value else [value]:
        if allowed and item not in allowed:
            raise Fault(f"{key}: {item!r} is not one of {', '.join(allowed)}")
        if pattern and not re.fullmatch(pattern, item):
            raise Fault(f"{key}: {item!r} does not match {pattern}")
    if parameter["Type"] == "Number":
        number = re.fullmatch(r"-?[0-9]+", value) and int(value)
        if number is None or number < parameter.get("MinValue", number):
            raise Fault(f"{key}: {value!r} is not a number from {parameter.get('MinValue', 'any')} on")
        if number > parameter.get("MaxValue", number):
            raise Fault(f"{key}: {value} is more than {parameter['MaxValue']}")
    # Ids of accounts: a file in which one lost its zero is a file that guards nobody.
    if key.endswith("AccountIds"):
        for item in filter(None, value.split(",")):
            if not re.fullmatch(r"[0-9]{12}", item):
                raise Fault(f"{key}: {item!r} is no account's id: twelve digits, zeros in front too")


def for_sam(values):
    """The text of the file that SAM reads: JSON, which is YAML, in which all values are text."""
    safe = {key: survives(value) if is_json(value) else value for key, value in values.items()}
    return safe, json.dumps(safe, indent=1)


def arrive(path, meant):
    """Sees that SAM makes of a file what was meant; AWS gets what SAM makes."""
    made = CfnParameterOverridesType().convert((f"file://{path}",), None, None)
    for key, value in meant.items():
        if made.get(key) != value:
            raise Fault(f"{key}: SAM would hand over {made.get(key)!r} instead of {value!r}")


def gathered(deployment, tiers_json, template):
    """All values of a deploy, from the texts of its files: by parameter's name."""
    values = read(*deployment)
    if "Tiers" in values:
        raise Fault(f"{deployment[1]}: Tiers come from {tiers_json[1]}")
    values["Tiers"] = tiers(*tiers_json)
    check(values, yaml_parse(template))
    return values


def differences(meant, stack):
    """Where the parameters of a stack, as AWS describes it, are not those that were meant."""
    stands = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
    return [f"{key}: AWS has {stands.get(key)!r}, {value!r} was meant"
            for key, value in meant.items() if stands.get(key) != value]
