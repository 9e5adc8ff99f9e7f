"""What CloudFormation, SAM, Organizations and IAM would refuse of the templates, as far as that is
known without AWS: `make validate` runs it.

Each template is translated as SAM does it, and the translation is linted: cfn-lint by itself drops
findings in what SAM generates. AWS's own engine reads the source. Exceptions are judged in
exceptions.json, and one that is not needed any more is a fault as well.

Usage: run.py [--quiet]   (from .tools/python, with the templates of this repository)
"""

import json
import pathlib
import sys
import tempfile

import engines
import limits
import translate

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ["template.yaml", "us-east-1.yaml", *sorted(
    f"stacksets/{path.name}" for path in (ROOT / "stacksets").glob("*.yaml"))]
PARAMETER_VALUE = 4_096
DEFINITION = 1_048_576


def translated(root, names, folder):
    """The translation of each template as (name, text, tree, path), and what SAM refuses."""
    found, faults = [], []
    for index, name in enumerate(names):
        text = (root / name).read_text(encoding="utf-8")
        try:
            tree = translate.translate(text)
        except Exception as refused:  # SAM's and YAML's errors have no common kind
            faults.append(f"{name}: SAM refuses it: {getattr(refused, 'message', refused)}")
            continue
        path = pathlib.Path(folder) / f"{index}.json"
        path.write_text(json.dumps(tree, indent=1), encoding="utf-8")
        found.append((name, text, tree, path))
    return found, faults


def other_files(root):
    """(what, used, limit) of files that are no templates."""
    tiers = (root / "tiers.json").read_bytes()
    yield "tiers.json, bytes", len(tiers), PARAMETER_VALUE
    for path in sorted((root / "statemachines").glob("*.asl.json")):
        yield f"{path.name}: definition, bytes", path.stat().st_size, DEFINITION


def check(root, names=None, quiet=True, lint=engines.cfn_lint):
    """All faults of the templates below a folder."""
    exceptions = json.loads((pathlib.Path(__file__).parent / "exceptions.json").read_text())
    names = names or TEMPLATES
    with tempfile.TemporaryDirectory() as folder:
        templates, faults = translated(root, names, folder)
        findings = lint({str(path): name for name, _, _, path in templates})
    validate = engines.aws_engine()
    for name in names:
        findings += validate(root / name, name)
    for name, text, tree, _ in templates:
        try:
            rows = limits.rows(name, text, tree)
            faults += [f"{name}: {fault}" for fault in limits.faults(rows)]
            faults += [f"{name}: {fault}" for fault in limits.organization_faults(tree)]
            faults += [f"{name}: {fault}" for fault in limits.name_faults(tree)]
        except Exception as fault:  # a function's argument that the engines have named
            faults.append(f"{name}: sizes can not be told: {fault!r}")
            continue
        if not quiet:
            print(limits.table(name, rows))
    rows = list(other_files(root))
    faults += limits.faults(rows)
    if not quiet:
        print(limits.table("other files", rows))
    left, unused = engines.judged(findings, [one for one in exceptions if one["file"] in names])
    faults += [str(finding) for finding in left]
    faults += [f"exceptions.json: {one['rule']} at {one['place']} is not found any more" for one in unused]
    return faults


def main():
    faults = check(ROOT, quiet="--quiet" in sys.argv[1:])
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(TEMPLATES)} templates, translated and linted: {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
