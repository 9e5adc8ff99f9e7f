"""Holds the dependencies of Cargo.lock to deny.toml with cargo-deny: licences, sources, and the
advisories that RustSec has published.

The database of advisories is fetched where it can be reached. Where it can not, what
advisories.json says of it is checked: the facts of every advisory (crate, versions that are not
affected, kind), with the day of the database and its commit. Which of the two it was is said.

Usage: dependencies.py check      what `make lint` runs
       dependencies.py seeded     sees that a version with an advisory fails the check
       dependencies.py renew DIR  writes advisories.json from a clone of RustSec's advisory-db
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
FACTS = ROOT / ".ci/advisories.json"
DENY = ROOT / ".tools/deny/bin/cargo-deny"
# Where cargo-deny looks for the database that it takes by default: the name holds a hash of its address.
FOLDER = "advisory-db-3157b0e258782691"
FETCH_SECONDS = 60


def run(*command, **options):
    return subprocess.run([str(part) for part in command], cwd=ROOT, text=True, check=False, **options)


def deny(*arguments, **options):
    return run(DENY, "--log-level", "error", *arguments, **options)


def advisory(text):
    """The facts of one file of the database, or nothing when the advisory was withdrawn."""
    whole = tomllib.loads(text.split("```toml", 1)[1].split("```", 1)[0])
    about, versions = whole["advisory"], whole.get("versions", {})
    if "withdrawn" in about:
        return None
    facts = {"id": about["id"], "crate": about["package"], "date": str(about["date"])}
    if "informational" in about:
        facts["kind"] = about["informational"]
    for member in ("patched", "unaffected"):
        if versions.get(member):
            facts[member] = versions[member]
    return facts


def renew(clone):
    """Writes the facts of all advisories about crates."""
    def git(*arguments):
        return subprocess.check_output(["git", "-C", clone, *arguments], text=True)

    commit, day = git("log", "-1", "--format=%H %cI").split()
    names = [name for name in git("ls-tree", "-r", "--name-only", "HEAD", "crates").splitlines()
             if name.endswith(".md")]
    found = [facts for facts in (advisory(git("show", f"HEAD:{name}")) for name in names) if facts]
    lines = ",\n".join(f"  {json.dumps(facts)}" for facts in sorted(found, key=lambda one: one["id"]))
    FACTS.write_text(f'{{"source": "RustSec advisory-db", "commit": "{commit}", "day": "{day}", "advisories": [\n'
                     f"{lines}\n]}}\n", encoding="utf-8")
    print(f"{FACTS.name}: {len(found)} advisories of {day[:10]}")


def database(folder, facts, more=()):
    """A database as cargo-deny reads it, of the day that the facts are of."""
    root = pathlib.Path(folder) / FOLDER
    for one in [*facts["advisories"], *more]:
        lines = ["[advisory]", f'id = "{one["id"]}"', f'package = "{one["crate"]}"', f'date = "{one["date"]}"']
        if "kind" in one:
            lines.append(f'informational = "{one["kind"]}"')
        lines += ["[versions]", *(f"{member} = {json.dumps(one.get(member, []))}" for member in ("patched", "unaffected"))]
        path = root / "crates" / one["crate"] / f"{one['id']}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("```toml\n" + "\n".join(lines) + f"\n```\n\n# {one['id']}\n\nSee RustSec.\n", encoding="utf-8")
    who = ["-c", "user.name=landlord", "-c", "user.email=landlord@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message", "advisories"]):
        subprocess.run(["git", "-C", root, *command], check=True, env={
            "PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_DATE": facts["day"], "GIT_COMMITTER_DATE": facts["day"]})


def offline(facts, more=(), **options):
    """cargo-deny's answer against the facts, and these."""
    with tempfile.TemporaryDirectory() as folder:
        database(folder, facts, more)
        rules = (ROOT / "deny.toml").read_text(encoding="utf-8")
        config = pathlib.Path(folder) / "deny.toml"
        config.write_text(rules.replace("[advisories]\n", f'[advisories]\ndb-path = "{folder}"\n', 1), encoding="utf-8")
        return deny("--offline", "--config", config, "check", **options)


def is_fetched():
    """Whether the database can be had as it is today."""
    try:
        return deny("fetch", "db", capture_output=True, timeout=FETCH_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def check():
    if is_fetched():
        print("advisories: the database as it is now")
        return deny("check").returncode
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    print(f"advisories: the database can not be reached; {len(facts['advisories'])} advisories as of {facts['day'][:10]}")
    return offline(facts).returncode


def seeded():
    """An advisory about a version that is used, and nothing else, has to fail the check."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    used = next(one for one in locked if one["name"] == "tokio")
    fault = {"id": "RUSTSEC-2000-9999", "crate": "tokio", "date": "2000-01-01", "patched": [f"> {used['version']}"]}
    answer = offline(facts, [fault], capture_output=True)
    told = answer.stdout + answer.stderr
    if answer.returncode == 0 or fault["id"] not in told:
        print(f"NOT FOUND an advisory about tokio {used['version']}: {answer.returncode} {told[-2000:]}")
        return 1
    fault["patched"] = [f">= {used['version']}"]
    answer = offline(facts, [fault], capture_output=True)
    if answer.returncode != 0:
        print(f"FOUND WITHOUT REASON: {(answer.stdout + answer.stderr)[-2000:]}")
        return 1
    print(f"found: an advisory about tokio {used['version']}; and none where that version is mended")
    return 0


def main(arguments):
    match arguments:
        case ["check"]:
            return check()
        case ["seeded"]:
            return seeded()
        case ["renew", clone]:
            return renew(clone)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
