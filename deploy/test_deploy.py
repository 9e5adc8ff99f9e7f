"""The parameters of a deploy arrive as they were written, or the deploy does not begin.

Usage: python -m unittest discover deploy   (with .tools/python)
"""

import json
import pathlib
import tempfile
import unittest

import parameters
import stack
import units

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "deployment.example.yaml").read_text(encoding="utf-8")
TIERS = (ROOT / "tiers.json").read_text(encoding="utf-8")
NEEDED = "EmailDomain: accounts.example.com\nParentId: r-exam\n"


def handed_over(deployment, tiers=TIERS):
    """What CloudFormation gets, after SAM's own conversion."""
    values = parameters.gathered((deployment, "deployment.yaml"), (tiers, "tiers.json"), TEMPLATE)
    meant, text = parameters.for_sam(values)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "parameters.yaml"
        path.write_text(text, encoding="utf-8")
        parameters.arrive(path, meant)
        return parameters.CfnParameterOverridesType().convert((f"file://{path}",), None, None)


class Parameters(unittest.TestCase):
    def test_the_example_and_the_shipped_tiers_can_be_deployed(self):
        got = handed_over(EXAMPLE)
        # The schema's name is for editors, and nothing for the functions.
        self.assertEqual(json.loads(got["Tiers"]), {"tiers": json.loads(TIERS)["tiers"]})
        self.assertEqual(got["SignupAccountIds"], "")

    def test_booleans_and_ids_stay_as_they_are_written(self):
        got = handed_over(NEEDED + "SweepsEnabled: false\nProtectedAccountIds: [012345670123, 000000000001]\n"
                          "SignupAccountIds: 012345678901\nRetireAfterDays: 030\n")
        self.assertEqual(got["SweepsEnabled"], "false")
        self.assertEqual(got["ProtectedAccountIds"], "012345670123,000000000001")
        self.assertEqual(got["SignupAccountIds"], "012345678901")
        self.assertEqual(got["RetireAfterDays"], "030")

    def test_json_in_json_stays_json(self):
        windows = '[{"Schedule":"cron(0 2 ? * SUN *)","Duration":4,"Note":"a \\\\ b, \\"c\\""}]'
        tiers = json.loads(TIERS)
        tiers["tiers"]["standard"]["baseline"][0]["parameterOverrides"] = {"MaintenanceWindows": windows}
        got = handed_over(NEEDED + f"GateMaintenanceWindows: '{windows}'\n", json.dumps(tiers))
        self.assertEqual(json.loads(got["Tiers"])["tiers"], tiers["tiers"])
        self.assertEqual(json.loads(got["GateMaintenanceWindows"]), json.loads(windows))

    def test_a_file_with_a_byte_order_mark_is_read(self):
        self.assertEqual(handed_over("\ufeff" + NEEDED)["ParentId"], "r-exam")

    def test_what_would_not_work_is_refused_in_one_line(self):
        long = json.dumps({"tiers": {"x" * 5000: {}}})
        for deployment, tiers, told in [
            (NEEDED + "SweepsEnabld: true\n", TIERS, "SweepsEnabld: the template has no such parameter; SweepsEnabled?"),
            (NEEDED + "SweepsEnabled: no\n", TIERS, "SweepsEnabled: 'no' is not one of true, false"),
            (NEEDED + "SweepsEnabled: True\n", TIERS, "SweepsEnabled: 'True' is not one of"),
            (NEEDED + "ProtectedAccountIds: [12345678901]\n", TIERS, "'12345678901' is no account's id"),
            (NEEDED + "RetireAfterDays: 0\n", TIERS, "RetireAfterDays: '0' is not a number from 1 on"),
            (NEEDED + "RetireAfterDays: soon\n", TIERS, "RetireAfterDays: 'soon' is not a number"),
            (NEEDED + "RetireAfterDays: 5000\n", TIERS, "RetireAfterDays: 5000 is more than 3650"),
            (NEEDED + "GateFreezePeriods: [{From: x}]\n", TIERS, "GateFreezePeriods: expected text or a list"),
            (NEEDED + "Tiers: x\n", TIERS, "Tiers come from tiers.json"),
            (NEEDED + NEEDED, TIERS, "deployment.yaml: line 3: EmailDomain occurs twice"),
            (NEEDED + "a: [\n", TIERS, "deployment.yaml: while parsing"),
            ("- 1\n", TIERS, "deployment.yaml: expected lines like"),
            ("ParentId: r-exam\n", TIERS, "EmailDomain: has no default"),
            ("EmailDomain: localhost\nParentId: r-exam\n", TIERS, "EmailDomain: 'localhost' does not match"),
            (NEEDED, "{\n  // no\n}", "tiers.json: line 2, column 3"),
            (NEEDED, '{"a": 1, "a": 2}', "tiers.json: the key 'a' occurs twice"),
            (NEEDED, long, "bytes are more than the 4,096"),
            (NEEDED + "GateAlarmsIgnore: 'a\\\"b'\n", TIERS, "GateAlarmsIgnore: SAM would hand over"),
        ]:
            with self.subTest(told), self.assertRaises(parameters.Fault) as refused:
                handed_over(deployment, tiers)
            self.assertIn(told, str(refused.exception))
            self.assertNotIn("\n", str(refused.exception))


class Stack(unittest.TestCase):
    def test_a_stack_that_only_can_be_deleted_stands_in_the_way(self):
        for status in ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"]:
            self.assertIn("delete-stack", stack.in_the_way({"StackStatus": status}))
        self.assertIn("continue", stack.in_the_way({"StackStatus": "UPDATE_ROLLBACK_FAILED"}))
        self.assertIn("wait", stack.in_the_way({"StackStatus": "UPDATE_IN_PROGRESS"}))
        for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]:
            self.assertIsNone(stack.in_the_way({"StackStatus": status}))
        self.assertIsNone(stack.in_the_way(None))

    def test_a_value_that_did_not_arrive_is_named(self):
        stands = {"Parameters": [{"ParameterKey": "A", "ParameterValue": "False"}, {"ParameterKey": "B"}]}
        told = parameters.differences({"A": "false", "B": ""}, stands)
        self.assertEqual(told, ["A: AWS has 'False', 'false' was meant"])


class Pages:
    """A client whose lists are these: by operation and the id that is asked for, one item a page."""

    def __init__(self, **lists):
        self.lists = lists

    def get_paginator(self, operation):
        of = self.lists.get(operation, {})
        member = {
            "list_accounts_for_parent": "Accounts",
            "list_organizational_units_for_parent": "OrganizationalUnits",
            "list_tags_for_resource": "Tags",
            "get_resources": "ResourceTagMappingList",
        }[operation]

        class Paginator:
            @staticmethod
            def paginate(ParentId="", ResourceId="", **_):
                # AWS's pages may be empty.
                return [{member: []}] + [{member: [it]} for it in of.get(ParentId or ResourceId, [])]

        return Paginator


class Units(unittest.TestCase):
    def told(self, values, accounts=None, inner=None, tags=None, marked=()):
        ids = lambda lists: {unit: [{"Id": it} for it in found] for unit, found in (lists or {}).items()}
        organizations = Pages(
            list_accounts_for_parent=ids(accounts),
            list_organizational_units_for_parent=ids(inner),
            list_tags_for_resource={
                account: [{"Key": key} for key in keys] for account, keys in (tags or {}).items()})
        arn = "arn:aws:organizations::1:account/o-1/"
        tagging = Pages(get_resources={"": [{"ResourceARN": arn + it} for it in marked]})
        return units.faults({"ParentId": "r-1", **values}, organizations, tagging)

    def test_units_that_are_made_or_hold_tenants_or_nobody_are_fine(self):
        self.assertEqual(self.told({"GeneralOuId": "", "RetiringOuId": ""}), [])
        given = {"GeneralOuId": "ou-g", "RetiringOuId": "ou-r"}
        self.assertEqual(self.told(given), [])
        self.assertEqual(self.told(given, accounts={"ou-g": ["1", "2"]}, marked=["1"],
                                   tags={"2": ["landlord:tenant"]}), [])

    def test_an_account_that_is_no_tenants_stands_in_the_way_however_deep(self):
        for accounts, inner in [({"ou-r": ["7"]}, {}), ({"ou-x": ["7"]}, {"ou-r": ["ou-y"], "ou-y": ["ou-x"]})]:
            told = self.told({"RetiringOuId": "ou-r"}, accounts, inner, {"7": ["Landlord:Tenant", "owner"]})
            self.assertEqual(len(told), 1)
            self.assertIn("RetiringOuId: ou-r holds accounts without the tag landlord:tenant", told[0])
            self.assertIn(": 7;", told[0])
        told = self.told({"GeneralOuId": "ou-g"}, {"ou-g": list("12345")})
        self.assertIn("1, 2, 3 and 2 more", told[0])

    def test_two_units_are_not_one_and_none_is_in_another(self):
        told = self.told({"GeneralOuId": "ou-g", "RetiringOuId": "ou-g"})
        self.assertEqual(told, ["RetiringOuId: ou-g is GeneralOuId as well; each unit has to be another one"])
        told = self.told({"GeneralOuId": "ou-g", "RetiringOuId": "ou-r"}, inner={"ou-r": ["ou-x"], "ou-x": ["ou-g"]})
        self.assertEqual(len(told), 1)
        self.assertIn("RetiringOuId: ou-r holds GeneralOuId (ou-g)", told[0])
        for inner in [{}, {"ou-r": ["ou-p"]}]:
            parent = "ou-p" if inner else "ou-r"
            told = self.told({"ParentId": parent, "RetiringOuId": "ou-r"}, inner=inner)
            self.assertIn(f"RetiringOuId: ou-r holds ParentId ({parent})", told[0])


if __name__ == "__main__":
    unittest.main()
