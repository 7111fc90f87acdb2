"""Run tests at full strength and print, as one JSON object, how they ended and the figures that they recorded.

    python benchmarks/by_tests.py [NAME=VALUE …] TEST…

`NAME=VALUE` are variables of the environment, the rest goes to pytest, whose own words go to stderr. A figure is what a test gives to
`record_property`. Failed tests are a figure too: they do not end this program.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Exit code 1 only when pytest could not run at all."""
    settings = dict(word.partition("=")[::2] for word in sys.argv[1:] if re.match(r"[A-Z_]+=", word))
    arguments = [word for word in sys.argv[1:] if not re.match(r"[A-Z_]+=", word)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-v", "-o", "junit_family=xunit1", f"--junitxml={report}", *arguments]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, stdout=sys.stderr, check=False)
        if not report.exists():
            sys.exit("pytest could not run: see above")
        found = figures(Xml.parse(report).getroot())  # noqa: S314 (our own report)
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def figures(report: Xml.Element) -> dict[str, Any]:
    """How many tests passed, failed and were skipped, how long each took, and what they recorded."""
    cases = list(report.iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    recorded = {str(found.get("name")): _number(str(found.get("value"))) for case in cases for found in case.iter("property")}
    return {
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": len(failed),
        "skipped": len(skipped),
        **recorded,
        **({"not_passed": [*failed, *skipped]} if failed or skipped else {}),
        "seconds": {str(case.get("name")): round(float(case.get("time", 0)), 1) for case in cases},
    }


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
