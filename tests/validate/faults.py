"""Puts back what `make validate` is there for, one fault at a time, and sees it found.

Each fault is one that cfn-lint does not find in the source of the template, the function as a
delimiter that kept the first version from being deployed among them. CloudFormation, IAM, Lambda
or Organizations would have refused it, at the deploy or behind it.

Usage: faults.py            (from .tools/python)
       faults.py --source   (sees besides that cfn-lint on the source finds none of them)
"""

import json
import os
import pathlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import engines
import run
import translate

JOIN = "Join [',arn:*:organizations::*:account/*/', !Ref ProtectedAccountIds]"
START = ("            - Sid: StartOnboarding\n              Effect: Allow\n              Action: states:StartExecution\n"
         "              Resource: ")
MACHINE = f"{START}!Ref OnboardTenantStateMachine"
READ = "            - Sid: ReadTiers\n              Effect: Allow\n"
CLOSE = "      CodeUri: functions/close-account\n      EventInvokeConfig:\n        MaximumRetryAttempts: "
GRACE = "          EMAIL_GRACE_SECONDS: '900'"
TRUST = "          - Sid: NarrowExecutionRoleTrust\n            Effect: Deny\n            Principal: '*'\n            Action: "
LONG = "".join(f"{'x' * 90}{index:03}\n" for index in range(120)).split()


# (what, text that is in the template, text in its place, part of what is said about it)
FAULTS = [
    ("a function as the delimiter of Fn::Join", JOIN,
     "Join [!Sub ',${AWS::Partition}', !Ref ProtectedAccountIds]", "E1018"),
    ("a parameter as the delimiter of Fn::Join", JOIN,
     "Join [!Ref AccountNamePrefix, !Ref ProtectedAccountIds]", "E1018"),
    ("text instead of the list of Fn::Join", JOIN, "Join [',', !Sub '${AWS::AccountId}']", "E1018"),
    ("a parameter as the delimiter of Fn::Split", "Resource: !Split\n                - ','",
     "Resource: !Split\n                - !Ref AccountNamePrefix", "E1018"),
    ("a function as the index of Fn::Select", MACHINE,
     START + "!Select [!Sub '0', [!Ref OnboardTenantStateMachine]]", "E1017"),
    ("an attribute that there is not", MACHINE, START + "!GetAtt EventBus.Arm", "E1010"),
    ("a mapping that there is not", MACHINE, START + "!FindInMap [No, Such, Map]", "E1011"),
    ("Fn::If with one branch", MACHINE, START + "!If [MakeOnboardingOu, a]", "E1028"),
    ("a resource of a policy that is no ARN", MACHINE, START + "signups", "E3510"),
    ("a statement without a resource", MACHINE, START.rsplit("\n", 1)[0], "E3510"),
    ("an effect that there is not", READ, READ.replace("Allow", "Permit"), "E3510"),
    ("a misspelt member of a statement", f"{READ}              Action:", f"{READ}              Actions:", "E3510"),
    ("a Sid with a hyphen", READ, READ.replace("ReadTiers", "Read-Tiers"), "E3510"),
    ("a Sid twice in a policy", READ, READ.replace("ReadTiers", "TakeSignups"), "E3510"),
    ("a misspelt action", "Action: ssm:GetParameter\n", "Action: ssm:GetParametr\n", "W3037"),
    ("a condition operator that there is not", "ForAllValues:StringEquals:", "ForAllValues:StringEqual:", "E3510"),
    ("a time-out over Lambda's", "    Timeout: 60\n", "    Timeout: 901\n", "E3717"),
    ("a path without slashes", "    RolePath: /landlord/\n\nRes", "    RolePath: landlord\n\nRes", "E3031"),
    ("more retries than Lambda makes", f"{CLOSE}2", f"{CLOSE}3", "E3034"),
    ("a circle through a role that SAM makes", GRACE,
     f"          MACHINE: !Ref OnboardTenantStateMachine\n{GRACE}", "E3004"),
    ("a name that no environment variable has", GRACE, GRACE.replace("_", "-"), "no name for an environment"),
    ("a name that no state machine has", "Name: !Sub ${AWS::StackName}-raise-quotas",
     "Name: raise quotas", "no name for a state machine"),
    ("a role whose policies are too long", "                - organizations:CreateAccount\n",
     "".join(f"                - organizations:CreateAccount{text}\n" for text in LONG), "limit of 10,240"),
    ("a service control policy that is too long", "              - iam:AttachRolePolicy\n",
     "".join(f"              - iam:AttachRolePolicy{text}\n" for text in LONG), "limit of 10,240"),
    ("a resource control policy that allows", TRUST, TRUST.replace("Deny", "Allow"), "only AWS's own allows"),
    ("a resource control policy for one principal", TRUST, TRUST.replace("'*'", "{AWS: '*'}"), "is '*'"),
    ("a service control policy with a principal", "          - Sid: NobodyLeaves\n",
     "          - Sid: NobodyLeaves\n            Principal: '*'\n", "has no principal"),
]


def seeded(folder):
    """A repository for each fault: (what, its root, what is expected)."""
    source = (run.ROOT / "template.yaml").read_text(encoding="utf-8")
    for index, (what, old, new, expected) in enumerate(FAULTS):
        if old not in source or old == new:
            sys.exit(f"{what}: the template has no {old!r} any more: mend this list")
        root = pathlib.Path(folder) / str(index)
        root.mkdir()
        (root / "template.yaml").write_text(source.replace(old, new, 1), encoding="utf-8")
        (root / "tiers.json").symlink_to(run.ROOT / "tiers.json")
        yield what, root, expected


def linted(files):
    """cfn-lint's findings by name, in as many processes as there are processors."""
    count = max(1, min(os.cpu_count() or 1, len(files)))
    parts = [dict(list(files.items())[index::count]) for index in range(count)]
    with ThreadPoolExecutor(count) as pool:
        found = [finding for part in pool.map(engines.cfn_lint, parts) for finding in part]
    return {name: [one for one in found if one.file == name] for name in files.values()}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        faults = list(seeded(folder))
        translations = {}
        for _, root, _ in faults:
            tree = translate.translate((root / "template.yaml").read_text(encoding="utf-8"))
            path = root / "translated.json"
            path.write_text(json.dumps(tree), encoding="utf-8")
            translations[str(path)] = root.name
        by_lint = linted(translations)
        by_source = {}
        if "--source" in sys.argv[1:]:
            by_source = linted({str(root / "template.yaml"): root.name for _, root, _ in faults})
        for what, root, expected in faults:
            found = run.check(root, ["template.yaml"], lint=lambda _, root=root: by_lint[root.name])
            told = [one for one in found if expected in one]
            plain = by_source.get(root.name, [])
            if not told or plain:
                failed += 1
                print(f"NOT FOUND {what}: {found}" if not told else f"FOUND WITHOUT US {what}: {plain}")
            else:
                print(f"found: {what}: {told[0][:110]}")
    print(f"{len(FAULTS)} faults put back, {len(FAULTS) - failed} found")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
