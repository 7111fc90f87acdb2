"""Worker processes write to the log of whoever started them, with all that a line says."""

from __future__ import annotations

from pathlib import Path

from end_to_end.command_line import scenesearch


def test_what_a_worker_meets_is_said_with_what_it_is_about(home: Path, tmp_path: Path) -> None:
    upload = tmp_path / "text.mp4"
    upload.write_text("just text")
    ran = scenesearch(home, "ingest", str(upload))
    assert ran.code == 1
    (line,) = (line for line in ran.err.splitlines() if "a video cannot be read" in line)
    assert line.startswith("WARNING a video cannot be read (")
    assert "object=default/text.mp4" in line
