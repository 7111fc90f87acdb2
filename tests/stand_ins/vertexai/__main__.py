"""`python -m stand_ins.vertexai`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stand_ins.vertexai.server import StandIn
from stand_ins.vertexai.truth import Truth
from stand_ins.vertexai.watching import Eyes


def main() -> None:
    """Serve until interrupted; the address is the first line of the output."""
    parser = argparse.ArgumentParser(prog="stand_ins.vertexai", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--truth", type=Path, help="a JSON file, see truth.py")
    parser.add_argument("--storage", default=os.environ.get("STORAGE_EMULATOR_HOST"), help="a Cloud Storage endpoint that has the clips")
    parser.add_argument("--folder", type=Path, help="a folder of buckets that has the clips")
    options = parser.parse_args()
    truth = Truth.model_validate_json(options.truth.read_text("utf-8")) if options.truth else None
    with StandIn(options.port, truth, Eyes(storage=options.storage, folder=options.folder)) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
