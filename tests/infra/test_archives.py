"""Archives: the same bytes from the same sources, new names for new sources, and nothing in them that a function does not run."""

from __future__ import annotations

import ast
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.archives import LEFT_OUT, ROOT, build_all, built, functions
from infra.config import Function
from tests.infra.conftest import Workshop
from tests.infra.environments import DEV

PACKAGE = ROOT / "shared" / "scenesearch"
LARGEST = 30_000_000


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Two functions and a package, small enough to change at will."""
    for name in ("one", "two"):
        (tmp_path / "functions" / name).mkdir(parents=True)
        (tmp_path / "functions" / name / "main.py").write_text("handle = print\n")
        (tmp_path / "functions" / name / "requirements.txt").write_text("")
        (tmp_path / "functions" / name / "requirements.in").write_text("")
    (tmp_path / "scenesearch" / "models" / "local").mkdir(parents=True)
    (tmp_path / "scenesearch" / "__pycache__").mkdir()
    for path in ("__init__.py", "ports.py", "models/local/whisper.py", "__pycache__/ports.cpython-311.pyc", ".hidden"):
        (tmp_path / "scenesearch" / path).write_text("")
    return tmp_path


def digests(sources: Path, to: str) -> dict[str, str]:
    built = build_all(sources / to, sources / "functions", sources / "scenesearch")
    return {name: archive.digest for name, archive in built.items()}


def test_two_builds_are_equal_to_the_byte_whenever_and_in_whatever_order_files_were_written(sources: Path, tmp_path: Path) -> None:
    digests(sources, "first")
    again = tmp_path / "again"
    for path in sorted((sources / "functions").rglob("*"), reverse=True):
        if path.is_file():
            (again / path.relative_to(sources / "functions")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, again / path.relative_to(sources / "functions"))
    build_all(sources / "second", again, sources / "scenesearch")
    for name in ("one.zip", "two.zip", "manifest.json"):
        assert (sources / "first" / name).read_bytes() == (sources / "second" / name).read_bytes()


def test_a_change_in_a_function_redeploys_that_function_and_one_in_the_package_redeploys_all(sources: Path) -> None:
    before = digests(sources, "before")
    (sources / "functions" / "one" / "main.py").write_text("handle = repr\n")
    changed = digests(sources, "changed")
    assert changed["one"] != before["one"]
    assert changed["two"] == before["two"]
    (sources / "scenesearch" / "ports.py").write_text("# another\n")
    shared = digests(sources, "shared")
    assert shared["one"] != changed["one"]
    assert shared["two"] != changed["two"]


def test_a_change_in_what_only_one_machine_runs_redeploys_nothing(sources: Path) -> None:
    before = digests(sources, "before")
    (sources / "scenesearch" / "models" / "local" / "whisper.py").write_text("# another\n")
    assert digests(sources, "after") == before


def test_the_hash_is_in_the_name_that_is_deployed(shop: Workshop) -> None:
    deployment = shop.deployment(DEV)
    objects = {o["name"]: o["source"] for o in deployment.all("google_storage_bucket_object")}
    for name, source in objects.items():
        function, _, version = name.removesuffix(".zip").partition("/")
        assert version == shop.archives[function].version
        root = shop.folder / "infra" / "dev" / "stacks" / "dev-functions"
        assert Path(source.replace("${path.module}", str(root))).resolve() == shop.archives[function].path.resolve()
    for service in deployment.all("google_cloud_run_v2_service"):
        image = service["template"]["containers"][0]["image"]
        assert image.endswith(f"/{service['name']}:{shop.archives[service['name']].version}")


def test_an_archive_holds_entry_point_package_and_locked_requirements_and_no_more(tmp_path: Path) -> None:
    archives = build_all(tmp_path)
    assert set(archives) == {function.name for function in functions()} == set(built(tmp_path))
    page = {f"scenesearch/web/page/{path.name}" for path in (PACKAGE / "web" / "page").iterdir()}
    assert {"scenesearch/web/page/index.html", "scenesearch/web/page/main.js"} <= page
    for archive in archives.values():
        names = zipfile.ZipFile(archive.path).namelist()
        assert {"main.py", "requirements.txt", "scenesearch/__init__.py", "scenesearch/py.typed"} <= set(names)
        assert [n for n in names if re.search(r"(^|/)(tests?|__pycache__|\.[^/]*)(/|$)|\.pyc$|\.egg-info|\.in$", n)] == []
        assert [n for n in names if n.startswith(tuple(f"scenesearch/{folder}/" for folder in LEFT_OUT))] == []
        assert any(n.startswith("scenesearch/models/vertexai/prompts/") for n in names)
        assert {n for n in names if n.startswith("scenesearch/web/page/")} == page
        assert sum(entry.file_size for entry in zipfile.ZipFile(archive.path).infolist()) <= LARGEST


def test_nothing_in_an_archive_imports_what_was_left_out_of_it_at_import() -> None:
    left_out = tuple(f"scenesearch.{folder.replace('/', '.')}." for folder in LEFT_OUT if folder != "__pycache__")
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).as_posix().startswith(tuple(f"{folder}/" for folder in LEFT_OUT)):
            continue
        assert [name for name in imported(path) if f"{name}.".startswith(left_out)] == [], path


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports when it is itself imported."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not type_checking(node):
            waiting += ast.iter_child_nodes(node)


def type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("function", list(Function))
def test_a_functions_list_is_locked_with_hashes_and_names_no_index(function: Function) -> None:
    folder = ROOT / "functions" / function.value
    wanted = [line for line in (folder / "requirements.in").read_text().splitlines() if line and not line.startswith("#")]
    locked = (folder / "requirements.txt").read_text()
    # A package with an extra stands there without and with it.
    pins = re.findall(r"^([\w.-]+)(?:\[\w+\])?==\S+ \\\n    --hash", locked, re.MULTILINE)
    assert set(wanted) <= set(pins)
    assert len(pins) == len(re.findall(r"^\S+==", locked, re.MULTILINE)), "something is pinned without a hash"
    assert "://" not in locked
    assert len(wanted) <= 24
