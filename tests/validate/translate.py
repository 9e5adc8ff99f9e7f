"""Templates as CloudFormation gets them: read with their intrinsics, translated as SAM does."""

import logging
import os

# The translator asks for a Region, and goes nowhere.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

# It logs each fault that it then raises.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

TRANSFORM = "AWS::Serverless-2016-10-31"


class NoManagedPolicies:
    """Names of AWS managed policies are not looked up: the template names them by ARN."""

    def load(self):
        return {}


def read(text):
    """A template's text as a tree, both spellings of an intrinsic as one."""
    return yaml_parse(text)


def packaged(template):
    """What `sam package` makes of local files: addresses in a bucket."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://artifacts/function"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = "s3://artifacts/machine"
        if "TemplateURL" in properties:
            properties["TemplateURL"] = "https://artifacts.s3.amazonaws.com/template"
    return template


def translate(text):
    """The template that CloudFormation deploys: what it is, when there is no transform in it.

    Raises samtranslator's InvalidDocumentException for what SAM refuses.
    """
    template = read(text)
    if template.get("Transform") != TRANSFORM:
        return template
    return transform(packaged(template), {}, NoManagedPolicies())
