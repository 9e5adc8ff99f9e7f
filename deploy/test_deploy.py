"""The parameters of a deploy arrive as they were written, or the deploy does not begin.

Usage: python -m unittest discover deploy   (with .tools/python)
"""

import json
import pathlib
import tempfile
import unittest

import parameters
import stack

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
    def test_a_deploy_begins_when_the_check_found_nothing(self):
        asked = []
        stack.check({"LANDLORD": "landlord", "STACK": "ours", "ACCEPT": "NoTrail, AccountQuota"},
                    lambda words: asked.append(words) or 0)
        self.assertEqual(asked, [["landlord", "check", str(ROOT), "--deployment", "deployment.yaml", "--stack", "ours",
                                  "--accept", "NoTrail", "--accept", "AccountQuota"]])

    def test_a_deploy_that_something_stands_in_the_way_of_does_not_begin(self):
        for status, told in [(3, "ACCEPT=NAME"), (1, "did not come to its end"), (101, "CHECK=0")]:
            with self.assertRaises(parameters.Fault) as refused:
                stack.check({}, lambda words: status)
            self.assertIn(told, str(refused.exception))

    def test_whoever_says_so_deploys_without_a_look(self):
        stack.check({"CHECK": "0"}, lambda words: self.fail("nothing is asked"))

    def test_a_deploy_ends_when_the_canary_is_back(self):
        asked = []
        stack.canary({"LANDLORD": "landlord", "STACK": "ours"}, lambda words: asked.append(words) or 0)
        self.assertEqual(asked, [["landlord", "canary", "--stack", "ours"]])
        with self.assertRaises(parameters.Fault) as lost:
            stack.canary({}, lambda words: 1)
        self.assertIn("The canary does not come back", str(lost.exception))

    def test_a_value_that_did_not_arrive_is_named(self):
        stands = {"Parameters": [{"ParameterKey": "A", "ParameterValue": "False"}, {"ParameterKey": "B"}]}
        told = parameters.differences({"A": "false", "B": ""}, stands)
        self.assertEqual(told, ["A: AWS has 'False', 'false' was meant"])


if __name__ == "__main__":
    unittest.main()
