"""`make build`: one archive a function, the same bytes from the same sources on every machine.

An archive holds `main.py`, the folder's locked `requirements.txt` and the package `scenesearch` without what only one machine
needs. Its name in the cloud carries the hash of its content, so a function is deployed again exactly when its own folder or the
shared package changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
PACKAGE = ROOT / "shared" / "scenesearch"
BUILT = ROOT / "build" / "functions"

LEFT_OUT = ("__pycache__", "backends/local", "models/local", "cli", "client", "emulator")
"""What a function never runs: folders of the package, by their path in it or by name."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip file can say."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A built archive and the SHA-256 of its content, in hex."""

    path: Path
    digest: str

    @property
    def version(self) -> str:
        """Enough of the hash for names: of objects, images and labels."""
        return self.digest[:16]


def functions(folder: Path = FUNCTIONS) -> list[Path]:
    """The folders that hold a function: those with `main.py` and `requirements.txt`."""
    return sorted(main.parent for main in folder.glob("*/main.py") if (main.parent / "requirements.txt").exists())


def contents(function: Path, package: Path) -> Iterator[tuple[str, Path]]:
    """What goes into the archive of a function: name inside it, file; in order of name."""
    files = {path.relative_to(function).as_posix(): path for path in function.rglob("*") if _belongs(path, function)}
    files |= {f"{package.name}/{path.relative_to(package).as_posix()}": path for path in package.rglob("*") if _belongs(path, package)}
    yield from sorted(files.items())


def build(function: Path, to: Path, package: Path = PACKAGE) -> Archive:
    """Write the archive of one function into `to`, and its files beside it for who needs a folder."""
    staged = to / function.name
    shutil.rmtree(staged, ignore_errors=True)
    path = to / f"{function.name}.zip"
    to.mkdir(parents=True, exist_ok=True)
    # Stored, not deflated: another zlib would write other bytes.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in contents(function, package):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, staged / name)
    return Archive(path, hashlib.sha256(path.read_bytes()).hexdigest())


def built(folder: Path = BUILT) -> Mapping[str, Archive]:
    """The archives that `make build` has left in `folder`, by the function's name.

    Raises:
        FileNotFoundError: there are none.
    """
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise FileNotFoundError(f"there are no archives in {folder}: run `make build`")
    return {name: Archive(folder / f"{name}.zip", digest) for name, digest in json.loads(manifest.read_text()).items()}


def build_all(to: Path = BUILT, folder: Path = FUNCTIONS, package: Path = PACKAGE) -> Mapping[str, Archive]:
    """Build the archive of every function, and the manifest of their hashes."""
    archives = {function.name: build(function, to, package) for function in functions(folder)}
    manifest = {name: archive.digest for name, archive in sorted(archives.items())}
    to.mkdir(parents=True, exist_ok=True)
    (to / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return archives


def _belongs(path: Path, root: Path) -> bool:
    relative = path.relative_to(root)
    hidden = any(part.startswith(".") or part in LEFT_OUT for part in relative.parts)
    left_out = hidden or relative.as_posix().startswith(tuple(f"{folder}/" for folder in LEFT_OUT))
    return path.is_file() and not left_out and path.suffix not in {".pyc", ".in"}


def main() -> None:
    """Build them all, and say what came out."""
    for name, archive in build_all().items():
        print(f"{archive.version}  {archive.path.stat().st_size:>9,}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
