#!/usr/bin/env python3
"""Breaks one guard after the other, and looks whether the proof finds it.

Each mutant is a file beside this one: a text of the repository, what it is replaced by, why that
must not go unnoticed, and the seed of a schedule that notices it; or, where no schedule can, the
package and the name of a test that does. In code, `MUTATED` stands for
"this mutant is on": all of them are built once, in a copy of the workspace below target/mutants,
and an environment variable says which one is on. Machines and the template are read when a world
begins: their mutants are written into the copy, one at a time. Nothing of this is ever shipped.

    tests/mutants/run.py                all mutants against their seeds
    tests/mutants/run.py NAME…          some of them
    tests/mutants/run.py --search N     look for a seed among the first N, and write it down
    tests/mutants/run.py --check        whether each text is still there, once: builds nothing

Exit status: 0 when every mutant was found, and the workspace holds under the same seeds while no
mutant is on.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
BASE = TARGET / "mutants"
COPY = BASE / "workspace"
PROFILE = os.environ.get("LANDLORD_MUTANTS_PROFILE", "dev")
# The test programs of each package, once they are built, and the folder in which each runs.
TESTS = {}
PROGRAM = BASE / "target" / ("debug" if PROFILE == "dev" else PROFILE) / "landlord"


def load(names):
    mutants = []
    for path in sorted(HERE.glob("*.toml")):
        if names and path.stem not in names:
            continue
        mutant = tomllib.loads(path.read_text())
        mutant["name"], mutant["path"] = path.stem, path
        mutants.append(mutant)
    missing = set(names) - {mutant["name"] for mutant in mutants}
    if missing:
        sys.exit(f"there is no mutant {', '.join(sorted(missing))}")
    return mutants


def copy_workspace():
    """What git knows, and what is new and not ignored; only what changed is written again."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    wanted = set()
    for name in filter(None, listed):
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        wanted.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    for path in COPY.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def share():
    """What others wrote is not built once more: it is linked from the ordinary builds, where there
    are any. The workspace's own crates are built anew, in a place of their own: cargo tells those
    of two workspaces apart by their paths within the workspace, which are the same here."""
    folder = "debug" if PROFILE == "dev" else PROFILE
    source, target = TARGET / folder, BASE / "target" / folder
    if target.exists() or not source.exists():
        return
    own = {path.parent.name for path in ROOT.glob("*/*/Cargo.toml")} | {"tests"}
    spellings = {name.replace("-", "_") for name in own} | own
    for part in ("deps", "build", ".fingerprint"):
        for path in (source / part).rglob("*"):
            top = path.relative_to(source / part).parts[0]
            stem = top.rsplit(".", 1)[0].removeprefix("lib").rsplit("-", 1)[0]
            if path.is_file() and stem not in spellings:
                place = target / part / path.relative_to(source / part)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, place)


def build(packages):
    """The program, and the tests of these packages: all in one build, so that the crates that they
    share have the same features. The test programs by package; nothing when it fails."""
    share()
    command = [
        "cargo", "test", "--no-run", "--locked", "-q", "--profile", PROFILE,
        "--message-format", "json-render-diagnostics",
        *(part for package in ["landlord", *packages] for part in ("-p", package)),
    ]
    environment = dict(
        os.environ, CARGO_TARGET_DIR=str(BASE / "target"), CARGO_INCREMENTAL="0"
    )
    done = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        return None
    programs = {}
    for message in map(json.loads, done.stdout.splitlines()):
        if message.get("executable") and message["profile"]["test"]:
            folder = Path(message["manifest_path"]).parent
            programs.setdefault(folder.name, []).append((message["executable"], folder))
    return programs


def play(arguments, mutant=None):
    command = [str(PROGRAM), "simulate", *arguments]
    environment = dict(os.environ, LANDLORD_MUTANT=mutant["name"] if mutant else "")
    return subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)


def violations(text, seed):
    """What did not hold under a seed, as the search says it."""
    found = re.findall(r"^seed %s: (.*)" % seed, text, re.M)
    return [line.split(": ", 1)[1] if line.startswith("after ") else line for line in found]


def is_code(mutant):
    return mutant["file"].endswith(".rs")


def replaced(mutant, text):
    """The text with the mutant in it; code asks the environment whether the mutant is on."""
    before, after = mutant["before"].strip("\n"), mutant["after"].strip("\n")
    if is_code(mutant):
        name = mutant["name"]
        switch = f'(std::env::var("LANDLORD_MUTANT").as_deref() == Ok("{name}"))'
        if "MUTATED" not in after:
            raise SystemExit(f"{name}: no MUTATED in its code")
        after = after.replace("MUTATED", switch)
    if text.count(before) != 1:
        raise SystemExit(
            f"{mutant['name']}: its text is {text.count(before)} times in {mutant['file']}, not once"
        )
    return text.replace(before, after)


def faults_of(mutant):
    """What keeps a mutant from being written into the repository; nothing when it can be."""
    path = ROOT / mutant["file"]
    missing = [key for key in ("why", "before", "after") if not mutant.get(key, "").strip()]
    if missing:
        return [f"{mutant['name']}: it lacks {', '.join(missing)}"]
    if not path.is_file():
        return [f"{mutant['name']}: there is no {mutant['file']}"]
    try:
        replaced(mutant, path.read_text())
    except SystemExit as fault:
        return [str(fault)]
    if mutant["before"].strip() == mutant["after"].strip():
        return [f"{mutant['name']}: it changes nothing"]
    return []


def check(mutants):
    faults = [fault for mutant in mutants for fault in faults_of(mutant)]
    print("\n".join(faults or [f"all {len(mutants)} mutants can be written into the repository"]))
    return 1 if faults else 0


def search(mutant, most):
    done = play(["prove", "--seed", "1", "--schedules", str(most), "--until-violated"], mutant)
    seeds = sorted({int(seed) for seed in re.findall(r"^seed (\d+): ", done.stdout, re.M)})
    for seed in seeds:
        return seed, violations(done.stdout, seed)
    # A panic or an impossible world names its seed as well.
    named = re.search(r"seed (\d+): (.*)", done.stderr)
    return (int(named[1]), [named[2]]) if named else (None, [])


def run_test(mutant):
    """What the test says that holds the mutant's guard; nothing when it passes."""
    package, name = mutant["test"].split()
    environment = dict(os.environ, LANDLORD_MUTANT=mutant["name"])
    passed = 0
    for program, folder in TESTS[package]:
        done = subprocess.run(
            [program, name], cwd=folder, env=environment, capture_output=True, text=True
        )
        if "test result: FAILED" in done.stdout:
            return [f"{package} {name}"]
        ended = re.search(r"test result: ok\. (\d+) passed", done.stdout)
        if done.returncode or not ended:
            raise SystemExit(f"{mutant['test']} broke off: {done.stderr[-2000:]}")
        passed += int(ended[1])
    if not passed:
        raise SystemExit(f"{mutant['name']}: there is no test {mutant['test']}")
    return []


def write_seed(mutant, seed):
    text = re.sub(r"\nseed = .*", "", mutant["path"].read_text().rstrip())
    mutant["path"].write_text(f"{text}\nseed = {seed}\n")


def attempt(mutant, most):
    """The seed that found the mutant, and what it found."""
    if "test" in mutant:
        return "test", run_test(mutant)
    seed = mutant.get("seed")
    if seed is not None:
        done = play(["replay", str(seed), "--whole"], mutant)
        # What the story says of a seed that holds is no violation.
        found = re.findall(r"VIOLATED: (.*)", done.stdout) if done.returncode else []
        if not found and done.returncode:
            found = [(done.stderr.strip().splitlines() or ["it broke off"])[-1]]
        if found or not most:
            return seed, found
    if not most:
        return None, []
    seed, found = search(mutant, most)
    if seed is not None:
        write_seed(mutant, seed)
    return seed, found


def switched(mutant, most):
    """The same, with the mutant on."""
    if is_code(mutant):
        return attempt(mutant, most)
    target = COPY / mutant["file"]
    whole = target.read_text()
    target.write_text(replaced(mutant, whole))
    try:
        return attempt(mutant, most)
    finally:
        target.write_text(whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--search", type=int, default=0, metavar="N")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    mutants = load(asked.names)
    if asked.check:
        return check(mutants)
    began = time.monotonic()
    copy_workspace()
    for mutant in filter(is_code, mutants):
        target = COPY / mutant["file"]
        target.write_text(replaced(mutant, target.read_text()))
    programs = build(sorted({mutant["test"].split()[0] for mutant in mutants if "test" in mutant}))
    if programs is None:
        return 1
    TESTS.update(programs)
    seeds = sorted({mutant["seed"] for mutant in mutants if "seed" in mutant})
    for mutant in filter(lambda mutant: "test" in mutant, mutants):
        if run_test(dict(mutant, name="")):
            print(f"without any mutant this test fails already: {mutant['test']}", file=sys.stderr)
            return 1
    broken = [seed for seed in seeds if play(["replay", str(seed), "--whole"]).returncode]
    if broken:
        print(f"without any mutant these seeds fail already: {broken}", file=sys.stderr)
        return 1
    survivors = []
    for mutant in mutants:
        start = time.monotonic()
        seed, found = switched(mutant, asked.search)
        took = time.monotonic() - start
        if found:
            print(f"killed    {mutant['name']:38} seed {seed:<5} {took:4.0f} s  {found[0]}", flush=True)
        else:
            survivors.append(mutant["name"])
            print(f"SURVIVES  {mutant['name']:38} seed {seed}  {took:4.0f} s", flush=True)
    code = sum(is_code(mutant) for mutant in mutants)
    print(
        f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed, {code} of them in code; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
