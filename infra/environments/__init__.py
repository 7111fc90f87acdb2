"""The environments, one file each, and what can be wrong with such a file: said in one line that names the file and what to do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from infra.config import LIMITS, Delivery, Environment, Function, Keeping, Limits, ModelChoice, Source, Thresholds
from scenesearch.config import Backend, Models, Settings
from scenesearch.errors import ConfigurationError

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))

MEMBER = r"(user|group|serviceAccount):[^@\s]+@[\w.-]+\.\w+|domain:[\w.-]+\.\w+"
MEMBERS = "somebody is named like user:a@example.com, group:b@example.com or domain:example.com"
MOST_ALERT_EMAILS = 5
"""How many channels a budget notifies at most (resource_billing_budget.go of Terraform's provider)."""

FORMS: Mapping[str, tuple[str, str]] = {
    "name": (r"[a-z][a-z0-9-]{0,18}[a-z0-9]", "an environment (its file) has 2 to 20 lower-case letters, digits and hyphens for a name"),
    # cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
    "project": (
        r"(?!.*google)[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "a project id is 6 to 30 lower-case letters, digits and hyphens, begins with a letter, ends with none of the hyphens and has no"
        " google in it (`gcloud projects list` shows yours)",
    ),
    "region": (r"[a-z]+-[a-z]+\d+", "a region looks like europe-west1 (`gcloud compute regions list` shows them)"),
    "billing_account": (
        r"[0-9A-F]{6}(-[0-9A-F]{6}){2}",
        "a billing account looks like 0X0X0X-0X0X0X-0X0X0X (`gcloud billing accounts list` shows yours)",
    ),
    "admins": (rf"[^@\s:]+@[\w.-]+\.\w+|{MEMBER}", f"an admin is an address, or {MEMBERS}"),
    "page_users": (MEMBER, MEMBERS),
    "search_callers": (MEMBER, MEMBERS),
    "approvers": (MEMBER, MEMBERS),
    "alert_emails": (r"[^@\s:]+@[\w.-]+\.\w+", "a mail address, without a word before it"),
    "secret_settings": ("|".join(Settings.model_fields), "a secret is a setting of scenesearch, like vlm_key"),
}
"""What the keys that name things of Google's must look like, and how to say it."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EnvironmentFile(Environment):
    """What stands in a file: an environment, with two short words for its limits."""

    most_instances: int | None = None
    """No function has more instances than this."""
    warm: tuple[Function, ...] = ()
    """Functions of which one instance is always there."""

    def limits_of(self, function: Function) -> Limits:
        """The limits of a function, with both words applied."""
        limits = {**LIMITS, **self.limits}[function]
        most = limits.max_instances if self.most_instances is None else min(limits.max_instances, self.most_instances)
        return replace(limits, max_instances=most, min_instances=1 if function in self.warm else limits.min_instances)

    def environment(self) -> Environment:
        """The environment without the two words."""
        own = {name: getattr(self, name) for name in Environment.__dataclass_fields__}
        return Environment(**own | {"limits": {function: self.limits_of(function) for function in Function}})


KEYS = sorted(
    {key for kind in (EnvironmentFile, Source, Thresholds, ModelChoice, Delivery, Keeping, Limits) for key in kind.__dataclass_fields__}
)


def load(file: Path) -> Environment:
    """Read the environment that a file describes; its name is the file's.

    Raises:
        ConfigurationError: it is no such file; the message is one line.
    """
    try:
        keys = tomllib.loads(file.read_text(encoding="utf-8"))
        read = TypeAdapter(EnvironmentFile).validate_python({**keys, "name": file.stem})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: this is no TOML file that can be read: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {'; '.join(map(_fault, error.errors()))}") from error
    for key, (form, rule) in FORMS.items():
        said = getattr(read, key)
        for value in (said,) if isinstance(said, str) else said:
            if not re.fullmatch(form, value):
                raise ConfigurationError(f"{file}: {key} = {value!r}: {rule}")
    if len(read.alert_emails) > MOST_ALERT_EMAILS:
        raise ConfigurationError(f"{file}: alert_emails: a budget tells {MOST_ALERT_EMAILS} at most, so name a group")
    # What a function makes of it at its start (Settings.load), said before anything is deployed.
    settings = Settings.model_construct(backend=Backend.GCP, models=Models.VERTEXAI, vertexai_location=read.models.location)
    if read.price is not None and (fault := settings.price_fault(read.price)):
        raise ConfigurationError(f"{file}: price = '{read.price}', models.location = {read.models.location!r}: {fault}")
    return read.environment()


def _fault(found: Mapping[str, Any]) -> str:
    """Say in our words what pydantic found."""
    key = ".".join(map(str, found["loc"]))
    if found["type"] == "unexpected_keyword_argument":
        meant = get_close_matches(str(found["loc"][-1]), KEYS, n=1)
        return f"{key} is no key of an environment{f'; is it {meant[0]}?' if meant else ': infra/config.py lists them'}"
    if found["type"] == "missing":
        return f"{key} is missing"
    return f"{key} = {found['input']!r}: {found['msg'][0].lower()}{found['msg'][1:]}"


def chosen(arguments: list[str]) -> Environment:
    """Return the environment that the first argument names. Raises `ConfigurationError` when there is none of that name."""
    if not arguments or arguments[0] not in NAMES:
        raise ConfigurationError(f"say which environment: one of {', '.join(NAMES)}")
    return load(FOLDER / f"{arguments[0]}.toml")
