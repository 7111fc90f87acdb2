"""Stands in for gcloud, terraform, docker and others: writes down how it was called, answers what the next command needs, fails on demand.

It is called by the name of what it stands in for. `WALK` names a folder: `calls.jsonl` there is the record, and the folders below it are
buckets. `REPOSITORY` is the real one: `make` knows the rules of its Makefile, `bash` its scripts. `FAIL` is a pattern of commands that
fail.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import sys
from pathlib import Path

WALK, REPOSITORY = Path(os.environ["WALK"]), Path(os.environ["REPOSITORY"])
ANSWERS = {
    "gcloud projects describe": "1234567890",
    "gcloud run services describe": "https://a-service.run.app",
    "gcloud auth print-identity-token": "a-token",
    "gcloud builds list": "00000000-build",
}


def bucket_path(address: str) -> Path:
    """Where an object or a local file lies; `gs://BUCKET/NAME` is a file below the walk's folder."""
    return WALK / address.removeprefix("gs://") if address.startswith("gs://") else Path(address)


def gcloud(words: list[str]) -> int:
    plain = [word for word in words if not word.startswith("-")]
    if plain[:2] == ["storage", "cp"]:
        source, target = map(bucket_path, plain[2:4])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    elif plain[:3] == ["storage", "objects", "list"]:
        wanted = str(bucket_path(plain[3])).replace("/**/", "/*/")
        found = [path for path in WALK.rglob("*") if fnmatch.fnmatch(str(path), wanted)]
        if "--sort-by=~creation_time" in words:
            found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        wanted_of_them = found[:1] if "--limit=1" in words else found
        print(*(f"gs://{path.relative_to(WALK)}" for path in wanted_of_them), sep="\n")  # noqa: T201
    else:
        print(next((said for start, said in ANSWERS.items() if " ".join(["gcloud", *plain]).startswith(start)), ""))  # noqa: T201
    return 0


def terraform(words: list[str]) -> int:
    """A stack must be there, be initialised before it is used, and be applied as it was planned."""
    chdir = [word.removeprefix("-chdir=") for word in words if word.startswith("-chdir=")]
    folder = Path(chdir[0]) if chdir else Path.cwd()
    stack = (folder / "cdk.tf.json").read_text()
    verb, *rest = [word for word in words if not word.startswith("-")]
    if verb == "init":
        (folder / ".terraform").mkdir(exist_ok=True)
        (folder / ".terraform.lock.hcl").touch()
        return 0
    if not (folder / ".terraform").is_dir():
        return 1
    if verb == "plan":
        (out,) = (word.removeprefix("-out=") for word in words if word.startswith("-out="))
        (folder / out).write_text(stack)
    if verb == "show":
        print("planned:", len((folder / rest[0]).read_text()))  # noqa: T201
    return int(verb == "apply" and bool(rest) and (folder / rest[0]).read_text() != stack)


def make(words: list[str]) -> int:
    """Only a rule of the real Makefile can be made."""
    rules = set(re.findall(r"^([^\s:#=.][^\s:=]*):(?!=)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    unknown = [word for word in words if not word.startswith("-") and "=" not in word and word not in rules]
    for word in unknown:
        print(f"make: *** No rule to make target '{word}'.  Stop.", file=sys.stderr)  # noqa: T201
    return 2 if unknown else 0


def bash(words: list[str]) -> int:
    """Only a script that is in the repository can be run."""
    return 0 if (REPOSITORY / words[0]).is_file() else 127


def docker(words: list[str]) -> int:
    return int(words[:2] == ["manifest", "inspect"])  # no image is there yet


def main() -> int:
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    with (WALK / "calls.jsonl").open("a") as record:
        record.write(json.dumps([name, *words]) + "\n")
    if (fails := os.environ.get("FAIL")) and re.search(fails, " ".join([name, *words])):
        return 1
    if words[:2] == ["-m", "infra.images"]:
        print((WALK / "images.txt").read_text(), end="")  # noqa: T201
    does = {"gcloud": gcloud, "terraform": terraform, "make": make, "bash": bash, "docker": docker}.get(name)
    return does(words) if does else 0


if __name__ == "__main__":
    sys.exit(main())
