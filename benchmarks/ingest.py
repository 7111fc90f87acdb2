"""One long video on one machine: how long `scenesearch ingest` takes, and how much memory all its processes need together.

    python benchmarks/ingest.py [--minutes 10] [--source FILE]

The video is the sample (or FILE), looped as a stream copy. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import av

SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "harbour_day.mp4"


def looped(source: Path, target: Path, minutes: float) -> Path:
    """`source` again and again, its packets copied, until `minutes` are full."""
    with av.open(str(target), "w") as out:
        streams, shift = {}, 0.0
        while shift < minutes * 60:
            with av.open(str(source)) as given:
                for stream in given.streams:
                    if stream.type in ("video", "audio") and stream.type not in streams:
                        streams[stream.type] = out.add_stream_from_template(stream)
                end = shift
                for packet in given.demux():
                    if packet.dts is None or packet.stream.type not in streams:
                        continue
                    offset = round(shift / packet.time_base)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    end = max(end, float((packet.pts + packet.duration) * packet.time_base))
                    packet.stream = streams[packet.stream.type]
                    out.mux(packet)
                shift = end + 0.2  # the first pictures of a copy are decoded before its start
    return target


def ingest(video: Path, home: Path) -> dict[str, float]:
    """Wall seconds, peak resident memory of all processes together (proportional set size, MB), and what came out."""
    scenesearch = str(Path(sys.executable).with_name("scenesearch"))
    environment = {**os.environ, "SCENESEARCH_HOME": str(home)}
    begun = time.monotonic()
    process = subprocess.Popen([scenesearch, "ingest", str(video), "--json"], stdout=subprocess.PIPE, env=environment)
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watch.start()
    out, _ = process.communicate()
    took = time.monotonic() - begun
    if process.returncode:
        raise SystemExit(f"ingest failed: {out.decode()}")
    (ended,) = json.loads(out)["videos"]
    return {"minutes": round(ended["duration"] / 60, 2), "wall_s": round(took, 1), "peak_mb": round(peak[0]), "gaps": len(ended["gaps"])}


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_memory_mb, _family(process.pid))))
        time.sleep(0.5)


def _family(pid: int) -> list[int]:
    """The process and all that descend from it: every thread keeps the list of the processes it started."""
    family = [pid]
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            family += [one for child in thread.read_text().split() for one in _family(int(child))]
    return family


def _memory_mb(pid: int) -> float:
    """Proportional set size: shared pages count once over all who share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--source", type=Path, default=SAMPLE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = looped(options.source, Path(folder) / "long.mp4", options.minutes)
        sys.stdout.write(json.dumps(ingest(video, Path(folder) / "home")) + "\n")


if __name__ == "__main__":
    main()
