"""How the two stacks find each other's resources: by name, so that neither must read the other's state."""

from __future__ import annotations

from cdktn import GcsBackend, TerraformStack
from cdktn_provider_google.data_google_project import DataGoogleProject
from cdktn_provider_google.provider import GoogleProvider
from constructs import Construct

from infra.config import Environment, Function, Purpose
from scenesearch.config import Settings

DATABASE: str = Settings.model_fields["gcp_database"].default
SEARCH_DATA_STORE = "moments"
CALLER, TIMER = "pubsub-caller", "timer-caller"
"""The accounts that Pub/Sub and the timer sign their calls as."""

BUILDER, CHECKER, DEPLOYER, PLANNER = "builder", "checker", "deployer", "planner"
"""The accounts that builds run as."""

MODELS_ROLE, BATCHES_ROLE = "scenesearch_models", "scenesearch_batch_jobs"
SENDS_SPANS = "roles/telemetry.tracesWriter"


class Stack(TerraformStack):
    """A stack of one environment: its provider, its state in a bucket, and the project's number."""

    def __init__(self, scope: Construct, name: str, env: Environment) -> None:
        super().__init__(scope, f"{env.name}-{name}")
        self.env = env
        # Budgets and data stores ask for a project to count requests on, which a person's credentials do not name by themselves.
        GoogleProvider(
            self,
            "google",
            project=env.project,
            region=env.region,
            billing_project=env.project,
            user_project_override=True,
            default_labels={"app": "scenesearch", "environment": env.name},
        )
        GcsBackend(self, bucket=env.bucket(Purpose.STATE), prefix=name)
        self._project = DataGoogleProject(self, "project", project_id=env.project)

    @property
    def project_number(self) -> str:
        return self._project.number

    def url(self, function: Function) -> str:
        """The address that Cloud Run gives this function."""
        return f"https://{function.resource}-{self._project.number}.{self.env.region}.run.app"

    def iap_audience(self, function: Function) -> str:
        """Whom Identity-Aware Proxy's signed header is meant for, when it stands before this function."""
        return f"/projects/{self._project.number}/locations/{self.env.region}/services/{function.resource}"

    def agent(self, service: str) -> str:
        """Google's own account for one of its services in this project."""
        return f"serviceAccount:service-{self._project.number}@gcp-sa-{service}.iam.gserviceaccount.com"
