"""How long `make build` and `make synth ENV=dev` take, and whether doing both again writes the same bytes. Prints one JSON object."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENV = "dev"
STACKS = ("data", "functions")
BUILT = ROOT / "build" / "functions"


def main() -> None:
    """Exit code 1 only when a command fails."""
    build_s, synth_s, first = once()
    _, _, second = once()
    resources = {stack: counts(stack) for stack in STACKS}
    found = {
        "build_s": build_s,
        "synth_s": synth_s,
        "both_s": round(build_s + synth_s, 1),
        "other_bytes": len([name for name in first if first[name] != second[name]]) + len(first.keys() ^ second.keys()),
        "resources": {**resources, "all": sum(resources.values())},
        "archive_mb": {path.stem: round(path.stat().st_size / 1e6, 2) for path in sorted(BUILT.glob("*.zip"))},
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def once() -> tuple[float, float, dict[str, str]]:
    """Seconds of a build, seconds of a synth, and the hash of every file that came out."""
    took = []
    for module in (["infra.archives"], ["infra.main", ENV]):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-m", *module], cwd=ROOT, stdout=sys.stderr, check=True)
        took.append(round(time.monotonic() - begun, 1))
    files = [*BUILT.glob("*.zip"), BUILT / "manifest.json", *(stack_file(stack) for stack in STACKS)]
    return took[0], took[1], {str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def stack_file(stack: str) -> Path:
    return ROOT / "build" / "infra" / ENV / "stacks" / f"{ENV}-{stack}" / "cdk.tf.json"


def counts(stack: str) -> int:
    """How many resources a stack has."""
    return sum(len(ones) for ones in json.loads(stack_file(stack).read_text())["resource"].values())


if __name__ == "__main__":
    main()
