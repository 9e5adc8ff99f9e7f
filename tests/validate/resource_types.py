"""Writes what CloudFormation knows of each resource type: its properties and what Fn::GetAtt may ask for.

The source is the registry's schemas as cfn-lint carries them (us-east-1). Renew it with
`.tools/python/bin/python tests/validate/resource_types.py`; the first lines of the file say what it was made from.
"""

import datetime
import importlib.metadata
import pathlib

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

FILE = pathlib.Path(__file__).parents[2] / "local" / "aws" / "src" / "cloudformation" / "template" / "types.txt"
REGION = "us-east-1"


def attributes(schema):
    """What Fn::GetAtt may ask for; a star at the end stands for any name."""
    names = {name.replace("\\..*", ".*").replace("\\", "") for name in schema.get_atts}
    # What lies inside a list has no name for Fn::GetAtt.
    return sorted("*" if name == ".*" else name for name in names if ".*." not in name)


def main():
    version = importlib.metadata.version("cfn-lint")
    rows = []
    for name in sorted(PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION)):
        resolved = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, name)
        schema = resolved.schema
        read_only = {path.split("/")[2] for path in schema.get("readOnlyProperties", []) if path.count("/") == 2}
        names = sorted(set(schema.get("properties", {})) - read_only)
        needed = set(schema.get("required", []))
        properties = ",".join(f"{one}+" if one in needed else one for one in names)
        rows.append(f"{name} {properties or '-'} {','.join(attributes(resolved)) or '-'}")
    head = [
        "# The resource types of CloudFormation: properties (`+`: required), and what Fn::GetAtt may ask for.",
        f"# Made by tests/validate/resource_types.py on {datetime.date.today()} from the registry's schemas for {REGION},",
        f"# as cfn-lint {version} carries them.",
    ]
    FILE.write_text("\n".join(head + rows) + "\n")
    print(f"{FILE.name}: {len(rows)} types, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
