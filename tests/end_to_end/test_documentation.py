"""What the documentation says is true: its commands run, its targets and options exist, its files are there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "samples").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]*)?\)")
NOT_HERE = {"make test", "make proof"}
"""Commands that would run these very tests again, or for an hour."""


def commands(page: Path) -> list[str]:
    """The command lines of a page's code blocks: what starts with a program that we ship."""
    lines = (line.strip() for block in FENCED.findall(page.read_text()) for line in block.splitlines())
    return [line for line in lines if re.match(r"(make|scenesearch|\.venv/bin/scenesearch)\b", line)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_run_one_after_the_other(tmp_path: Path) -> None:
    """In order and in one home, as somebody who follows the page would."""
    ran = [line for line in commands(ROOT / "README.md") if line not in NOT_HERE]
    assert ran[0] == "make demo"
    environment = {**os.environ, "SCENESEARCH_HOME": str(tmp_path / "home"), "SCENESEARCH_OFFLINE": "true"}
    for line in ran:
        done = subprocess.run(shlex.split(line), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        if line == "make demo":
            assert_demo(done.stdout)


def assert_demo(out: str) -> None:
    """Each of the three questions is answered first by its scene: explosion, meeting, old screen."""
    firsts = [match.split("-") for match in re.findall(r"^ 1  ([\d:]+-[\d:]+)", out, re.MULTILINE)]
    assert len(firsts) == 3, out
    for (start, end), (scene_start, scene_end) in zip(firsts, [(36, 43), (15, 21), (43, 51)], strict=True):
        assert seconds(start) < scene_end, out
        assert seconds(end) > scene_start, out


def seconds(timestamp: str) -> int:
    minutes, rest = timestamp.split(":")
    return int(minutes) * 60 + int(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_and_every_option_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        program, *rest = shlex.split(line, comments=True)
        if program == "make":
            assert {word for word in rest if "=" not in word} <= targets, line
        else:
            assert_known_options(rest, line)


def assert_known_options(arguments: list[str], line: str) -> None:
    words = [word for word in arguments if re.fullmatch(r"[a-z]+", word)]
    command = words[:2] if words[:1] == ["profile"] else words[:1]
    shown = subprocess.run(
        [str(Path(sys.executable).with_name("scenesearch")), *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
    )
    assert shown.returncode == 0, line
    for option in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        assert option in shown.stdout, f"{line}: no {option}"


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "decisions").glob("*.md"))], ids=lambda page: page.name)
def test_every_linked_file_is_there(page: Path) -> None:
    prose = re.sub(r"`[^`]*`", "", FENCED.sub("", page.read_text()))
    for target in LINK.findall(prose):
        assert (page.parent / target).exists(), target
