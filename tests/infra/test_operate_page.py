"""`docs/operate.md` names every state there is, and its limits are those of the code."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.config import LIMITS, Delivery, Function, Keeping
from infra.stacks.functions import WORK_MARGIN_S
from scenesearch.backends.gcp.documents import PART_CHARACTERS, REASON_CHARACTERS
from scenesearch.backends.gcp.index import LARGEST_DIMENSION
from scenesearch.backends.gcp.index_vectors import MOST
from scenesearch.config import Settings
from scenesearch.media.codecs import COPYABLE_AUDIO, COPYABLE_VIDEO
from scenesearch.media.cut import AUDIO_OVERLAP_MS
from scenesearch.media.plan import LONGEST_MS, LONGEST_VIDEO_MS
from scenesearch.models.vertexai import summarizer
from scenesearch.models.vertexai.extractor import SHORTEST_MS
from scenesearch.models.vertexai.prices import Prices
from scenesearch.pipeline.extract import CRASHES_PER_FAILURE, LEASE_PER_WORK
from scenesearch.search.answer import Mode
from scenesearch.search.modes import MODES
from scenesearch.search.scene_stage import BUDGET
from scenesearch.video import SectionState, VideoState

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text("utf-8")
SETTINGS = {name: field.default for name, field in Settings.model_fields.items()}
DAY_S = timedelta(days=1).total_seconds()
FAILURES = SETTINGS["max_attempts"]
WORK_S = LIMITS[Function.EXTRACT_TEXTS].timeout_s - WORK_MARGIN_S


def names(codecs: frozenset[str]) -> str:
    return ", ".join(sorted(codecs))


ROWS = {
    "one upload through the page": f"{SETTINGS['upload_max_bytes'] / 1e9:g} GB",
    "one video": f"{LONGEST_VIDEO_MS / 1000 / DAY_S:g} days",
    "copied as they are": f"{names(COPYABLE_VIDEO)}; {names(COPYABLE_AUDIO)}",
    "a clip": f"{LONGEST_MS / 60_000:g} min and {SETTINGS['clip_max_bytes'] / 1e6:g} MB",
    "the shortest clip that is looked at": f"{SHORTEST_MS} ms",
    "sound that neighbouring clips share": f"{AUDIO_OVERLAP_MS / 1000:g} s",
    "splitting before the rest is handed on": f"{SETTINGS['split_seconds']:g} s",
    "work on one section": f"{WORK_S} s, held by a lease of {WORK_S * LEASE_PER_WORK:g} s",
    "real failures of a section": f"{FAILURES}; workers that died over it: {FAILURES * CRASHES_PER_FAILURE}",
    "one request to a model": f"{SETTINGS['vertexai_request_seconds']:g} s, {SETTINGS['vertexai_retries']} times again",
    "a question's vector": f"{SETTINGS['vertexai_query_seconds']:g} s, in 2 tries; then its words alone are looked for",
    "an answer": f"{SETTINGS['vertexai_max_output_tokens']:,} tokens; longer ones are asked for in halves",
    "text in one summary request": f"{SETTINGS['vertexai_summary_tokens']:,} tokens; a summary may take {summarizer.SECONDS:g} s",
    "deliveries of a message": f"{Delivery().attempts}, {Delivery().backoff_min_s} to {Delivery().backoff_max_s} s apart",
    "a message waits": f"{Delivery().retention_s / DAY_S:g} days, a dead letter {Delivery().dead_letter_retention_s / DAY_S:g}",
    "kept": f"clips {Keeping().clips} days, parked messages {Keeping().parked}, deleted uploads {Keeping().deleted_uploads}",
    "a document": f"entries in parts of {PART_CHARACTERS:,} characters, below Firestore's 1 MiB; a reason {REASON_CHARACTERS:,} characters",
    "a vector": f"{LARGEST_DIMENSION} numbers; a question gets its {MOST:,} nearest moments from Firestore",
}
"""The page's table of limits, as the code has them."""


@pytest.mark.parametrize("what", ROWS)
def test_the_limits_are_those_of_the_code(what: str) -> None:
    assert f"| {what} | {ROWS[what]} |" in PAGE


def test_every_state_is_explained() -> None:
    described = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## alert-")[0], re.MULTILINE)
    assert sorted(described) == sorted([*VideoState, *SectionState])  # some states of both have one name


def test_what_a_question_costs_follows_from_what_is_read() -> None:
    files = {mode: choices.files for mode, choices in MODES.items()}
    assert (files[Mode.BALANCED], files[Mode.RECALL], f"{BUDGET:,}") == (10, 20, "24,000")
    assert "at most 10 videos (20 in `recall`), of each at most 24,000 characters" in PAGE
    tokens = files[Mode.BALANCED] * BUDGET // 4
    usd = Prices.load().cost_usd(SETTINGS["vertexai_quality_model"], {"text": tokens}, date(2026, 12, 1))
    assert f"{tokens:,} tokens of English, {usd:g} USD" in PAGE


def test_how_long_a_subscription_holds_what_is_refused_follows_from_its_retries() -> None:
    """The pause between deliveries doubles up to its maximum; that 40 deliveries last for days was never true."""
    delivery = Delivery()
    pauses = [min(delivery.backoff_min_s * 2**n, delivery.backoff_max_s) for n in range(delivery.attempts - 1)]
    assert PAGE.count(f"{sum(pauses) / 3600:.1f}") == 2
    assert f"({delivery.attempts} deliveries, {delivery.backoff_min_s} to {delivery.backoff_max_s} s apart)" in PAGE


def test_the_jobs_that_still_spend_are_cancelled_by_what_the_page_says(tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f"""#!/bin/sh
echo "$@" >> {tmp_path}/calls
case "$*" in *POST*) ;; *RUNNING*) cat {tmp_path}/jobs.json ;; *) echo "{{}}" ;; esac
""")
    names = [f"projects/7/locations/global/batchPredictionJobs/{number}" for number in (1, 2)]
    jobs = [{"name": name, "displayName": "a", "model": "publishers/google/models/m", "state": "JOB_STATE_RUNNING"} for name in names]
    (tmp_path / "jobs.json").write_text(json.dumps({"batchPredictionJobs": jobs}, indent=2))
    gcloud = tmp_path / "gcloud"
    gcloud.write_text("#!/bin/sh\necho a-token\n")
    for program in (curl, gcloud):
        program.chmod(0o755)
    advice = PAGE.partition("## alert-model-cost")[2].partition("\n## ")[0]
    assert "gcloud scheduler jobs pause tick" in advice
    (block,) = re.findall(r"^ +```bash\n(.*?)^ +```", advice, re.DOTALL | re.MULTILINE)
    given = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PROJECT": "p", "LOCATION": "global"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", block], env=given, check=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls if "POST" in call] == [
        f"https://aiplatform.googleapis.com/v1/{name}:cancel" for name in names
    ]
    assert all("Authorization: Bearer a-token" in call for call in calls)
