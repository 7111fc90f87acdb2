"""After a deployment: upload a tiny video to the real bucket, ask for a scene in it, take it away again.

`python -m infra.smoke ENV NAME` (NAME: what to call the upload, so that two runs do not meet). Exit code 0: it was found.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from infra.archives import ROOT
from infra.config import Environment, Function, Purpose
from infra.environments import chosen
from scenesearch.errors import ConfigurationError
from scenesearch.price import Price
from scenesearch.timeline import Span
from scenesearch.video import video_id

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

SAMPLE = ROOT / "samples" / "harbour_day.mp4"
SCENE = "explosion"
QUESTION = "the red car explodes"
WITHIN_S, PAUSE_S = 900.0, 15.0

Ask = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Sends the parameters of `/v1/search` and returns the answer's body."""


class NotFoundInTime(Exception):
    """The deployment took a video and did not find its scene."""


def smoke(bucket: Bucket, ask: Ask, name: str, *, within_s: float = WITHIN_S, pause_s: float = PAUSE_S) -> float:
    """Seconds from the upload until the scene was found.

    Raises:
        NotFoundInTime: it was not, within `within_s` seconds. The upload is deleted either way.
    """
    scenes = json.loads((SAMPLE.parent / "truth.json").read_text())["scenes"]
    truth = next(Span.of_seconds(scene["start"], scene["end"]) for scene in scenes if scene["name"] == SCENE)
    upload = bucket.blob(f"smoke/{name}.mp4")
    wanted = {"q": QUESTION, "video_id": video_id(bucket.name, upload.name)}
    start, last = time.monotonic(), "no answer"
    upload.metadata = {"price": Price.STANDARD.value}  # at an environment's price of batch it would wait for up to a day
    upload.upload_from_filename(str(SAMPLE), content_type="video/mp4")
    try:
        while time.monotonic() - start < within_s:
            try:
                found = [Span.of_seconds(scene["start"], scene["end"]) for scene in ask(wanted).get("scenes", [])]
            except OSError as error:  # what the video is not there for yet, and what the service is not up for yet, look alike
                found, last = [], str(error)
            else:
                last = f"scenes at {', '.join(map(str, found)) or 'no place'}"
            if any(span.overlaps(truth) for span in found):
                return time.monotonic() - start
            time.sleep(pause_s)
    finally:
        upload.delete()
    raise NotFoundInTime(f"{QUESTION!r} was not found at {truth} of {upload.name} within {within_s:g} s: {last}")


def asking(endpoint: str, token: str) -> Ask:
    """Ask the deployed search as whom `token` names.

    Cloud Run checks the token in its own header and leaves the other as it is; the function checks that one again.
    """
    import requests

    headers = {"Authorization": f"Bearer {token}", "X-Serverless-Authorization": f"Bearer {token}"}

    def ask(parameters: Mapping[str, str]) -> Mapping[str, Any]:
        answer = requests.get(f"{endpoint}/v1/search", params=dict(parameters), headers=headers, timeout=120)
        answer.raise_for_status()
        body: Mapping[str, Any] = answer.json()
        return body

    return ask


def _token(env: Environment, audience: str) -> str:
    """An ID token of the deployer, made by itself: it holds no key."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    address = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{env.account('deployer')}:generateIdToken"
    answer = AuthorizedSession(credentials).post(address, json={"audience": audience, "includeEmail": True})
    answer.raise_for_status()
    return str(answer.json()["token"])


def _endpoint(env: Environment) -> str:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    project = AuthorizedSession(credentials).get(f"https://cloudresourcemanager.googleapis.com/v1/projects/{env.project}")
    project.raise_for_status()
    return f"https://{Function.SEARCH.resource}-{project.json()['projectNumber']}.{env.region}.run.app"


def main(arguments: list[str]) -> int:
    """Run it against the environment and under the name given."""
    if len(arguments) != 2:
        print("say which environment and what to call the upload", file=sys.stderr)  # noqa: T201
        return 2
    try:
        env = chosen(arguments)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    from google.cloud.storage import Client

    endpoint = _endpoint(env)
    bucket = Client(project=env.project).bucket(env.bucket(Purpose.UPLOADS))
    try:
        took = smoke(bucket, asking(endpoint, _token(env, endpoint)), arguments[1])
    except NotFoundInTime as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"found after {took:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
