"""What runs: the functions, who may call them, and who is told when they break. What they may do is granted before (`accounts`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from constructs import Construct

from infra.archives import Archive
from infra.config import EVENT_FUNCTIONS, Environment, Function, Purpose
from infra.constructs.function import Code, EventFunction, HttpFunction
from infra.constructs.timer import Timer
from infra.stacks.names import BUILDER, CALLER, DATABASE, DEPLOYER, SEARCH_DATA_STORE, TIMER, Stack
from infra.stacks.operations import operations
from scenesearch.config import Auth, Backend, Models

WORK_MARGIN_S = 40
"""Work ends early enough to be committed and acknowledged; the section's lease (`pipeline.extract`) outlasts the instance."""


class FunctionsStack(Stack):
    """Everything that can be thrown away and deployed again. `root`: the folder that Terraform will run in."""

    def __init__(self, scope: Construct, env: Environment, archives: Mapping[str, Archive], root: Path) -> None:
        super().__init__(scope, "functions", env)
        self._archives, self._root = archives, root
        built_by = f"projects/{env.project}/serviceAccounts/{env.account(BUILDER)}"
        for function in Function:
            if function in EVENT_FUNCTIONS:
                runs = EventFunction(self, function, env, self._code(function), built_by)
                runs.may_be_called_by(f"serviceAccount:{env.account(CALLER)}", "push")
                if function is Function.RECOVER:
                    runs.may_be_called_by(f"serviceAccount:{env.account(TIMER)}", "timer")
            else:
                self._http(function)
        Timer(self, env, endpoint=self.url(Function.RECOVER), account=env.account(TIMER))
        operations(self, env)

    def _http(self, function: Function) -> None:
        """The page stands behind Identity-Aware Proxy; search is called by services with their own tokens."""
        env, page = self.env, function is Function.LIBRARY
        runs = HttpFunction(self, function, env, self._code(function), iap=page)
        if page:
            runs.may_be_called_by(self.agent("iap"), "iap")
            for number, member in enumerate(env.page_users):
                runs.may_be_opened_by(member, str(number))
            return
        callers = ("allUsers",) if env.public_search else (*env.search_callers, f"serviceAccount:{env.account(DEPLOYER)}")
        for number, member in enumerate(callers):
            runs.may_be_called_by(member, str(number))

    def _code(self, function: Function) -> Code:
        """What the function runs. Raises `LookupError` when its archive was not built."""
        if function.value not in self._archives:
            raise LookupError(f"there is no archive of {function.value}: write functions/{function.value}/ and run `make build`")
        return Code(
            archive=self._archives[function.value],
            root=self._root,
            settings=settings(self, function),
            secrets={_variable(secret): secret for secret in self.env.secret_settings},
        )


def settings(stack: Stack, function: Function) -> dict[str, str]:
    """The environment variables of a function: every setting of `scenesearch.config` that its defaults do not already say."""
    env, limits = stack.env, stack.env.limits[function]
    models = env.models
    values = {
        "backend": Backend.GCP,
        "models": Models.VERTEXAI,
        "auth": Auth.GOOGLE,
        "gcp_project": env.project,
        "gcp_database": DATABASE,
        "uploads_bucket": env.bucket(Purpose.UPLOADS),
        "work_bucket": env.bucket(Purpose.WORK),
        "daily_hours": f"{env.daily_hours:g}",
        "trace_ratio": f"{env.trace_ratio:g}",
        "vertexai_project": env.project,
        "vertexai_location": models.location,
        "vertexai_bulk_model": models.bulk,
        "vertexai_quality_model": models.quality,
        "vertexai_embedding_model": models.embedding,
        "vertexai_embedding_dimension": str(models.dimension),
    }
    if function in EVENT_FUNCTIONS:
        values |= {"work_seconds": str(limits.timeout_s - WORK_MARGIN_S)}
        if function is Function.RECOVER:
            values["unended_hours"] = str(env.thresholds.unended_hours)
    elif function is Function.LIBRARY:
        values |= {
            "admins": ",".join(env.admins),
            "iap_audience": stack.iap_audience(function),
            "gcp_signer": env.account(function.account),
        }
    else:
        # The deployer's smoke test must find its video, whichever collection that is in.
        values |= {"admins": ",".join((*env.admins, env.account(DEPLOYER))), "auth_audience": stack.url(function)}
    if env.price is not None:
        values["price"] = env.price
    if env.vertex_ai_search:
        values["vertexai_search_data_store"] = SEARCH_DATA_STORE
    return {_variable(name): str(value) for name, value in values.items()} | {
        "THREADS": str(limits.concurrency),
        **({} if function in EVENT_FUNCTIONS else {"FUNCTION_USE_ASGI": "true"}),
        "OTEL_SERVICE_NAME": function.resource,
        # Cloud Functions says true where nothing is said; the framework then puts a span of its own into every log line that names one.
        "LOG_EXECUTION_ID": "false",
        "XDG_RUNTIME_DIR": "/tmp",  # noqa: S108  gunicorn's control socket, which else wants a home that can be written
    }


def _variable(setting: str) -> str:
    return f"SCENESEARCH_{setting.upper()}"
