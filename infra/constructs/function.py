"""What a function is made of, whichever way it is called."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cdktn_provider_google.cloud_run_v2_service import (
    CloudRunV2Service,
    CloudRunV2ServiceTemplate,
    CloudRunV2ServiceTemplateContainers,
    CloudRunV2ServiceTemplateContainersEnv,
    CloudRunV2ServiceTemplateContainersEnvValueSource,
    CloudRunV2ServiceTemplateContainersEnvValueSourceSecretKeyRef,
    CloudRunV2ServiceTemplateContainersResources,
    CloudRunV2ServiceTemplateScaling,
)
from cdktn_provider_google.cloud_run_v2_service_iam_member import CloudRunV2ServiceIamMember
from cdktn_provider_google.cloudfunctions2_function import (
    Cloudfunctions2Function,
    Cloudfunctions2FunctionBuildConfig,
    Cloudfunctions2FunctionBuildConfigSource,
    Cloudfunctions2FunctionBuildConfigSourceStorageSource,
    Cloudfunctions2FunctionServiceConfig,
    Cloudfunctions2FunctionServiceConfigSecretEnvironmentVariables,
)
from cdktn_provider_google.iap_web_cloud_run_service_iam_member import IapWebCloudRunServiceIamMember
from cdktn_provider_google.storage_bucket_object import StorageBucketObject
from constructs import Construct

from infra.archives import Archive
from infra.config import REGISTRY, Environment, Function, Purpose

INVOKER = "roles/run.invoker"


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a function runs: its archive (`root` is the folder that Terraform runs in), settings, and settings kept as secrets."""

    archive: Archive
    root: Path
    settings: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The archive's path as Terraform sees it: the same on every machine."""
        return "${path.module}/" + os.path.relpath(self.archive.path, self.root)


class EventFunction(Construct):
    """A function that Pub/Sub pushes to. Built by Cloud Functions from its archive; unreachable from outside the project."""

    def __init__(self, scope: Construct, function: Function, env: Environment, code: Code, built_by: str) -> None:
        super().__init__(scope, function.resource)
        limits = env.limits[function]
        archive = StorageBucketObject(
            self,
            "archive",
            bucket=env.bucket(Purpose.ARCHIVES),
            name=f"{function.value}/{code.archive.version}.zip",
            source=code.source,
            content_type="application/zip",
        )
        self.function = Cloudfunctions2Function(
            self,
            "function",
            name=function.resource,
            location=env.region,
            build_config=Cloudfunctions2FunctionBuildConfig(
                runtime=env.runtime,
                entry_point=function.entry_point,
                docker_repository=f"projects/{env.project}/locations/{env.region}/repositories/{REGISTRY}",
                service_account=built_by,
                source=Cloudfunctions2FunctionBuildConfigSource(
                    storage_source=Cloudfunctions2FunctionBuildConfigSourceStorageSource(bucket=archive.bucket, object=archive.name)
                ),
            ),
            service_config=Cloudfunctions2FunctionServiceConfig(
                service_account_email=env.account(function.account),
                ingress_settings="ALLOW_INTERNAL_ONLY",
                available_memory=f"{limits.memory_mib}Mi",
                available_cpu=str(limits.cpu),
                timeout_seconds=limits.timeout_s,
                max_instance_request_concurrency=limits.concurrency,
                min_instance_count=limits.min_instances,
                max_instance_count=limits.max_instances,
                environment_variables=code.settings,
                secret_environment_variables=[
                    Cloudfunctions2FunctionServiceConfigSecretEnvironmentVariables(
                        key=key, project_id=env.project, secret=secret, version="latest"
                    )
                    for key, secret in code.secrets.items()
                ],
            ),
        )

    def may_be_called_by(self, member: str, label: str) -> None:
        CloudRunV2ServiceIamMember(
            self,
            f"called-by-{label}",
            name=self.function.name,
            location=self.function.location,
            role=INVOKER,
            member=member,
        )


class HttpFunction(Construct):
    """A function that people and services call: a Cloud Run service, so that Identity-Aware Proxy can stand before it.

    Its image is built from the function's archive by the same buildpacks (`cloudbuild.yaml`), and tagged with the archive's hash.
    """

    def __init__(self, scope: Construct, function: Function, env: Environment, code: Code, *, iap: bool) -> None:
        super().__init__(scope, function.resource)
        limits = env.limits[function]
        plain = [CloudRunV2ServiceTemplateContainersEnv(name=name, value=value) for name, value in sorted(code.settings.items())]
        hidden = [
            CloudRunV2ServiceTemplateContainersEnv(
                name=name,
                value_source=CloudRunV2ServiceTemplateContainersEnvValueSource(
                    secret_key_ref=CloudRunV2ServiceTemplateContainersEnvValueSourceSecretKeyRef(secret=secret, version="latest")
                ),
            )
            for name, secret in sorted(code.secrets.items())
        ]
        self.service = CloudRunV2Service(
            self,
            "service",
            name=function.resource,
            location=env.region,
            ingress="INGRESS_TRAFFIC_ALL",
            iap_enabled=iap,
            deletion_protection=False,
            template=CloudRunV2ServiceTemplate(
                service_account=env.account(function.account),
                timeout=f"{limits.timeout_s}s",
                max_instance_request_concurrency=limits.concurrency,
                scaling=CloudRunV2ServiceTemplateScaling(min_instance_count=limits.min_instances, max_instance_count=limits.max_instances),
                containers=[
                    CloudRunV2ServiceTemplateContainers(
                        image=env.image(function, code.archive.version),
                        env=[*plain, *hidden],
                        resources=CloudRunV2ServiceTemplateContainersResources(
                            limits={"cpu": str(limits.cpu), "memory": f"{limits.memory_mib}Mi"}, startup_cpu_boost=True
                        ),
                    )
                ],
            ),
        )

    def may_be_called_by(self, member: str, label: str) -> None:
        CloudRunV2ServiceIamMember(
            self,
            f"called-by-{label}",
            name=self.service.name,
            location=self.service.location,
            role=INVOKER,
            member=member,
        )

    def may_be_opened_by(self, member: str, label: str) -> None:
        """Let somebody through Identity-Aware Proxy."""
        IapWebCloudRunServiceIamMember(
            self,
            f"opened-by-{label}",
            cloud_run_service_name=self.service.name,
            location=self.service.location,
            role="roles/iap.httpsResourceAccessor",
            member=member,
        )
