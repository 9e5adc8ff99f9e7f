"""Publishes an artifact of the account gate into the local AWS, as an operator would.

Usage: gate.py ENDPOINT   (a world with Landlord deployed for the Regions below)
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
from botocore.exceptions import ClientError

import answers  # noqa: F401: watches what is answered

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEYS = {"AWS_ACCESS_KEY_ID": "AKIALANDLORDLOCAL000", "AWS_SECRET_ACCESS_KEY": "local"}
REGIONS = ["eu-central-1", "eu-west-1"]
LOST = "us-east-1"


def main(endpoint):
    folder = tempfile.TemporaryDirectory()
    archive = pathlib.Path(folder.name) / "account-gate.zip"

    def publish(**variables):
        """Exit status and everything that was said."""
        environment = os.environ | {"ARCHIVE": str(archive), "AWS_ENDPOINT_URL": endpoint}
        environment |= {"AWS_REGION": REGIONS[0], "AWS_DEFAULT_REGION": REGIONS[0]} | variables
        done = subprocess.run(
            [ROOT / "stacksets" / "publish-gate"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def refused(words, **variables):
        status, said = publish(**variables)
        assert status == 1 and words in said, (status, said)

    def client(service, region):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    refused("make build-gate", **KEYS)
    archive.write_bytes(b"what a gate is made of" * 1000)
    key = f"account-gate/{hashlib.sha256(archive.read_bytes()).hexdigest()}.zip"
    nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    refused("no valid AWS credentials", AWS_EC2_METADATA_DISABLED="true", **nowhere)
    refused("no stack elsewhere", STACK="elsewhere", **KEYS)

    status, said = publish(DRY_RUN="1", **KEYS)
    assert status == 0 and said.count("would be put into") == 3 and key in said, said
    account = client("sts", REGIONS[0]).get_caller_identity()["Account"]
    # One Region without its bucket: the others get the artifact, and there is no key to deploy.
    lost = {"Bucket": f"landlord-artifacts-{account}-{LOST}"}
    client("s3", LOST).delete_bucket(**lost)
    status, said = publish(**KEYS)
    assert status == 1 and said.count(": put into") == 2, said
    assert f"not in every Region: {LOST}" in said and "GateArtifactKey" not in said, said
    client("s3", LOST).create_bucket(**lost)
    status, said = publish(**KEYS)
    assert status == 0 and said.count("is there") == 2 and said.count(": put into") == 1, said
    assert f"GateArtifactKey: {key}" in said, said

    for region in REGIONS:
        place = {"Bucket": f"landlord-artifacts-{account}-{region}", "Key": key}
        found = client("s3", region).get_object(**place)["Body"].read()
        assert found == archive.read_bytes(), region
        for call in [
            lambda: client("s3", region).put_object(Body=b"something else", **place),
            lambda: client("s3", region).delete_object(**place),
        ]:
            try:
                call()
            except ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDenied", error
            else:
                raise AssertionError(f"{region}: an artifact was changed")
    print("gate.py: published, looked for, and unchangeable")


if __name__ == "__main__":
    main(sys.argv[1])
