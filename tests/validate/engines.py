"""The two linters: cfn-lint on what SAM makes of a template, and AWS's own validation engine."""

import json
import pathlib
import re
import subprocess
import sys
import typing

from cloudformation_validate import CompositeEngine

CFN_LINT = pathlib.Path(sys.executable).with_name("cfn-lint")
# What the engine says below this is advice: which changes replace a resource, which could have tags.
COUNTS = {"WARN", "ERROR", "FATAL"}


class Finding(typing.NamedTuple):
    """One finding of one engine."""

    engine: str
    file: str
    rule: str
    place: str
    message: str

    def __str__(self):
        return f"{self.file}: {self.engine} {self.rule} {self.place}: {self.message}"


def cfn_lint(files):
    """Findings by file, of any level; `files` maps a path to the name to report."""
    done = subprocess.run(
        [CFN_LINT, "--format", "json", "--template", *files],
        capture_output=True, text=True, check=False,
        # Away from the .cfnlintrc of this repository, which names templates itself.
        cwd=pathlib.Path(next(iter(files))).parent,
    )
    if not done.stdout:
        sys.exit(f"cfn-lint failed: {done.stderr}")
    found = []
    for match in json.loads(done.stdout):
        place = "/".join(map(str, match["Location"]["Path"] or []))
        name = files[match["Filename"]]
        found.append(Finding("cfn-lint", name, match["Rule"]["Id"], place, match["Message"]))
    return found


def aws_engine():
    """A function from path and name to the findings of AWS's own engine."""
    engine = CompositeEngine()

    def validate(path, name):
        try:
            report = engine.validate_template(str(path))
        except Exception as refused:  # the engine's own kinds are not exported
            return [Finding("aws", name, "refused", "", str(refused))]
        found = []
        for one in report.diagnostics:
            if str(one.severity).split(".")[-1] not in COUNTS:
                continue
            place = one.property_path or ""
            if one.entity and one.entity.logical_id and one.entity.logical_id not in place:
                place = f"{one.entity.logical_id}/{place}"
            found.append(Finding("aws", name, one.rule_id, place, one.message))
        if "OK" not in str(report.status):
            found.append(Finding("aws", name, "status", "", str(report.status)))
        return found

    return validate


def judged(findings, exceptions):
    """What no exception covers, and the exceptions that cover nothing."""
    used = set()
    left = []
    for finding in findings:
        for index, one in enumerate(exceptions):
            same = (one["engine"], one["rule"]) == (finding.engine, finding.rule)
            if same and one["file"] == finding.file and re.fullmatch(one["place"], finding.place):
                used.add(index)
                break
        else:
            left.append(finding)
    unused = [one for index, one in enumerate(exceptions) if index not in used]
    return left, unused
