"""Who may do what, and why: every grant of both stacks, and nothing else. A test compares this list with what is synthesised.

The stacks do not read it: a grant exists only where somebody wrote it twice and said why.
"""

from __future__ import annotations

from dataclasses import dataclass

EXTRACTORS = ("extract-visual-info", "extract-transcription", "extract-texts")
PIPELINE = ("split", *EXTRACTORS, "assemble", "remove", "recover")
FUNCTIONS = (*PIPELINE, "search", "library")
SUBSCRIPTIONS = ("split-objects", "remove-objects", "split-splits", *EXTRACTORS, "assemble-extracted", "recover-batches")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Each of `who` has `role` on each of `on`.

    `who`: an account's id (a function's without its `fn-`), `agent:SERVICE` for Google's own, `people`, `callers` and
    `approvers` for whom the config names.
    `on`: `KIND:NAME`; `project` where there is nothing smaller; `secret:*` stands for every one that the config names.
    `where`: only in environments whose config has this (a field of `Environment`).
    """

    who: tuple[str, ...]
    role: str
    on: tuple[str, ...]
    why: str
    where: str = ""


ALLOWED = (
    # Google's own
    Allowed(("agent:storage",), "pubsub.publisher", ("topic:objects",), "announces what is written to and deleted from the uploads"),
    Allowed(("agent:pubsub",), "pubsub.publisher", ("topic:dead-letters",), "buries what was delivered too often"),
    Allowed(
        ("agent:pubsub",),
        "pubsub.subscriber",
        tuple(f"subscription:{name}" for name in SUBSCRIPTIONS),
        "takes out what it buries; the subscription of the dead letters themselves has none",
    ),
    Allowed(("agent:storage",), "pubsub.publisher", ("topic:batches",), "announces what batch jobs write"),
    Allowed(("agent:aiplatform",), "storage.objectUser", ("bucket:work",), "reads requests and clips of batch jobs, writes answers"),
    Allowed(("agent:pubsub",), "iam.serviceAccountTokenCreator", ("account:pubsub-caller",), "signs what it pushes as the caller"),
    Allowed(("agent:iap",), "run.invoker", ("service:library",), "lets through whom it has let in"),
    # callers
    Allowed(("pubsub-caller",), "run.invoker", tuple(f"service:{name}" for name in PIPELINE), "delivers messages"),
    Allowed(("timer-caller",), "run.invoker", ("service:recover",), "the timer's tick"),
    Allowed(("callers",), "run.invoker", ("service:search",), "who may ask, as the config says"),
    Allowed(("people",), "iap.httpsResourceAccessor", ("service:library",), "who may open the page, as the config says"),
    # what every function needs
    Allowed(FUNCTIONS, "datastore.user", ("database",), "catalog and index; search writes feedback"),
    Allowed(FUNCTIONS, "telemetry.tracesWriter", ("project",), "a trace follows a video through all of them"),
    # objects
    Allowed(("split", "remove", "recover"), "storage.objectViewer", ("bucket:uploads",), "cut it; is it gone? what is there?"),
    Allowed(("extract-transcription",), "storage.objectViewer", ("bucket:uploads",), "reads subtitles beside a video and inside it"),
    Allowed(("library",), "storage.objectUser", ("bucket:uploads",), "signs uploads and playback, deletes what people delete"),
    Allowed(("split",), "storage.objectUser", ("bucket:work",), "clips and thumbnails"),
    Allowed(EXTRACTORS, "storage.objectUser", ("bucket:work",), "read clips; write the halves of one that was too much for the model"),
    Allowed(("assemble",), "storage.objectUser", ("bucket:work",), "the metadata text"),
    Allowed(("remove", "recover"), "storage.objectUser", ("bucket:work",), "sweep what no generation owns; park what names no work"),
    Allowed(("library",), "storage.objectUser", ("bucket:work",), "plays clips, shows thumbnails; keeps large exports, undoes an assembly"),
    Allowed(("search",), "storage.objectViewer", ("bucket:work",), "clips to watch"),
    Allowed(("library",), "iam.serviceAccountTokenCreator", ("account:library",), "signs URLs without a key"),
    # models
    Allowed(
        (*EXTRACTORS, "assemble", "recover", "search", "library"),
        "scenesearch_models",
        ("project",),
        "ask models, embed moments and questions: models of Google belong to no project's resource",
    ),
    Allowed(("recover",), "scenesearch_batch_jobs", ("project",), "starts batch jobs, looks at them, cancels those that lag"),
    # messages
    Allowed(
        ("split",),
        "pubsub.publisher",
        ("topic:splits", "topic:chunks", "topic:extracted", "topic:video-events", "topic:dead-letters"),
        "hands itself the rest, announces clips, closes what it cannot cut, ends what it cannot read",
    ),
    Allowed(
        EXTRACTORS,
        "pubsub.publisher",
        ("topic:splits", "topic:chunks", "topic:extracted", "topic:dead-letters"),
        "ask for a lost clip again, transcribe anew after new subtitles, close the last chunk, bury what they cannot read",
    ),
    Allowed(("assemble", "remove"), "pubsub.publisher", ("topic:video-events", "topic:dead-letters"), "ready, failed, removed"),
    Allowed(
        ("remove",),
        "pubsub.publisher",
        ("topic:splits", "topic:chunks", "topic:extracted"),
        "has chunks transcribed anew whose subtitles are gone",
    ),
    Allowed(
        ("recover",),
        "pubsub.publisher",
        (
            "topic:objects",
            "topic:splits",
            "topic:chunks",
            "topic:extracted",
            "topic:video-events",
            "topic:batches",
            "topic:dead-letters",
        ),
        "republishes whatever was lost; looks at a batch job again; buries news of a batch job that it cannot read",
    ),
    Allowed(
        ("library",),
        "pubsub.publisher",
        ("topic:objects", "topic:splits", "topic:chunks", "topic:extracted"),
        "retry, as people ask for it",
    ),
    # what a config may ask for
    Allowed(("search",), "discoveryengine.viewer", ("project",), "asks the data store, which has no grants of its own", "vertex_ai_search"),
    Allowed(
        (*PIPELINE, "library"),
        "discoveryengine.editor",
        ("project",),
        "whoever may close a chunk writes its moments, whoever removes takes them out; a retry from the page may close one",
        "vertex_ai_search",
    ),
    Allowed(
        ("planner", "checker"), "discoveryengine.viewer", ("project",), "a plan looks at every resource of the kind", "vertex_ai_search"
    ),
    Allowed(("deployer",), "discoveryengine.admin", ("project",), "an apply makes and changes the data store", "vertex_ai_search"),
    Allowed(FUNCTIONS, "secretmanager.secretAccessor", ("secret:*",), "settings that are secrets", "secret_settings"),
    Allowed(("deployer",), "secretmanager.admin", ("project",), "an apply makes the secrets; people fill them", "secret_settings"),
    # building
    Allowed(("approvers",), "cloudbuild.builds.approver", ("project",), "let a plan be applied, as the config says"),
    Allowed(("approvers",), "storage.objectViewer", ("bucket:builds",), "read the plans that they approve"),
    Allowed(("builder",), "storage.objectViewer", ("bucket:archives", "copies of archives"), "reads what it builds"),
    Allowed(("builder",), "artifactregistry.writer", ("registry:functions",), "stores what it built"),
    Allowed(("builder",), "logging.logWriter", ("project",), "the log of a build"),
    Allowed(("planner", "checker"), "storage.objectViewer", ("bucket:terraform-state",), "a plan compares with the state"),
    Allowed(
        ("planner", "checker"), "storage.objectViewer", ("bucket:archives",), "a plan compares the archives with those that are deployed"
    ),
    Allowed(("planner",), "storage.objectCreator", ("bucket:builds",), "keeps the plan"),
    Allowed(("planner",), "storage.objectViewer", ("bucket:builds",), "the copying command looks at its destination first"),
    Allowed(("planner", "checker"), "logging.logWriter", ("project",), "the log of a build"),
    Allowed(("planner", "checker"), "scenesearch_planner_database", ("project",), "the shape of the database, none of its documents"),
    *(
        Allowed(("planner", "checker"), role, ("project",), "a plan looks at every resource of the kind and changes none")
        for role in (
            "artifactregistry.reader",
            "cloudbuild.builds.viewer",
            "cloudfunctions.viewer",
            "cloudscheduler.viewer",
            "iam.securityReviewer",
            "logging.viewer",
            "monitoring.viewer",
            "pubsub.viewer",
            "run.viewer",
            "secretmanager.viewer",
            "serviceusage.serviceUsageConsumer",
            "storage.bucketViewer",
        )
    ),
    *(
        Allowed(("deployer",), role, ("project",), why)
        for role, why in (
            (
                "artifactregistry.admin",
                "makes the repository, sets what it keeps and who pushes to it; pushes the images of search and library",
            ),
            ("cloudbuild.builds.editor", "changes the triggers, which belong to the project itself"),
            ("cloudfunctions.developer", "makes and changes the event functions, not who may call them"),
            ("cloudscheduler.admin", "makes and changes the timer's job: no smaller role may"),
            ("iam.serviceAccountAdmin", "makes an account for each function and says who may start things as it; makes no keys of theirs"),
            ("iap.admin", "says who may open the page"),
            ("logging.configWriter", "makes the metrics out of logs, and the exclusion that keeps questions out of them"),
            ("monitoring.editor", "makes alerts, their channels and the dashboard"),
            ("pubsub.admin", "makes topics and subscriptions and says who publishes: the editor's role may not grant"),
            ("run.admin", "makes search and library and says who calls them and the functions: the developer's role may not grant"),
            ("serviceusage.serviceUsageAdmin", "enables the APIs that a new version needs"),
            ("storage.admin", "makes buckets and says who uses them; writes archives, plans and the state; uploads the smoke test's video"),
        )
    ),
    Allowed(("deployer",), "iam.roleViewer", ("project",), "sees our own roles; a person changes them"),
    Allowed(("deployer",), "logging.logWriter", ("project",), "the log of a build"),
    Allowed(("deployer",), "scenesearch_deployer_database", ("project",), "database and indexes, none of the documents"),
    Allowed(("deployer",), "resourcemanager.projectIamAdmin", ("only what functions need",), "hands out the roles of the functions"),
    Allowed(
        ("deployer",),
        "iam.serviceAccountUser",
        tuple(f"account:{name}" for name in (*FUNCTIONS, "pubsub-caller", "timer-caller", "builder")),
        "starts things that run as these",
    ),
    Allowed(
        ("deployer",),
        "iam.serviceAccountUser",
        ("account:checker", "account:planner", "account:deployer"),
        "changes triggers, whose builds run as these: whoever names an account in a trigger needs it",
    ),
    Allowed(("deployer",), "iam.serviceAccountOpenIdTokenCreator", ("account:deployer",), "its smoke test calls search as itself"),
)
