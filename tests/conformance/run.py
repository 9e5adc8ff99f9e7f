"""Drives the local AWS with boto3 and the AWS CLI, each script in a world of its own; and holds
the gate's windows against a second implementation of AWS's cron, which needs no world.

Usage: run.py DIRECTORY   (where cargo put `landlord`, the functions and `examples/serve`)
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
BINARIES = pathlib.Path(sys.argv[1]).resolve()
# Script to world: none, a bare one, or one with Landlord deployed in it, with or without the gate's Regions.
SCRIPTS = {
    "cron.py": "none",
    "models.py": "bare",
    "organizations.py": "bare",
    "scheduler.py": "bare",
    "stacksets.py": "bare",
    "onboarding.py": "landlord",
    "gate.py": "gate",
    "rollouts.py": "landlord",
}
GATE = ["--parameter", "GateRegions=eu-central-1,eu-west-1,us-east-1"]


def command(world, port):
    """How a world is served on a port."""
    if world == "bare":
        return [BINARIES / "examples" / "serve", str(port), "300"]
    landlord = [BINARIES / "landlord", "up", "--port", str(port), "--functions", BINARIES]
    return landlord + (GATE if world == "gate" else [])


def wait_for(server, port):
    """Waits until the world answers."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            sys.exit(f"the world ended with {server.returncode} before it answered")
        time.sleep(0.1)
    sys.exit("the world did not answer within 30 s")


def answers(log):
    """How many answers were not as AWS's models have them (`answers.py`)."""
    lines = log.read_text().splitlines()
    seen = [line for line in lines if line.startswith("= ")]
    faults = sorted(set(lines) - set(seen))
    for fault in faults:
        print(fault)
    print(f"answers.py: {len(seen)} answers to {len(set(seen))} operations, {len(faults)} not as in AWS's models")
    return len(faults)


def main():
    failed = 0
    log = pathlib.Path(tempfile.mkdtemp()) / "answers"
    log.touch()
    # Nothing of the machine's own AWS configuration may get in.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {"LANDLORD_ANSWERS": str(log)}
    for script, world in SCRIPTS.items():
        if world == "none":
            alone = [sys.executable, HERE / script, BINARIES / "landlord"]
            failed += subprocess.run(alone, env=clean, timeout=1800, check=False).returncode != 0
            continue
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(command(world, port), stdout=subprocess.DEVNULL)
        try:
            wait_for(server, port)
            arguments = [sys.executable, HERE / script, f"http://127.0.0.1:{port}"]
            done = subprocess.run(arguments, env=clean, timeout=300, check=False)
            failed += done.returncode != 0
        finally:
            server.terminate()
            server.wait()
    failed += answers(log) > 0
    print(f"{len(SCRIPTS) + 1 - failed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
