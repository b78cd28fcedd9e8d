"""Build the promoter, the App and the workspaces from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable

import requests
import sqlalchemy as sa

from github_app.config.identity import identity_of
from github_app.config.secrets import private_keys
from github_app.config.settings import Settings, WorkspaceSettings
from github_app.github.app import GitHubApp
from github_app.reports.check_run_records import CheckRunRecords
from github_app.reports.deployments import Deployments
from github_app.reports.details_link import Links
from github_app.reports.publish import CommitReports, PermissionCache
from github_app.runtime.metrics import Metrics
from github_app.storage import database
from github_app.storage.folder_store import FolderMemory
from github_app.webhooks.admission import Admission
from github_app.worker import engine
from github_app.worker.credential_locks import refuse_two_minds, service_slots
from github_app.worker.lease import Lease, OnlyWorker
from github_app.worker.promoter import Promoter, Target
from github_app.worker.promotion_store import PromotionStore
from promotion.clock import SystemClock
from promotion.credential_lock import CredentialLocks, in_one_process
from promotion.databricks import Databricks
from promotion.entra import Entra
from promotion.http import Http
from promotion.known_folders import Memory
from promotion.rules import OnConflict, Rule
from promotion.throttle import AdaptiveLimiter
from promotion.workspace import Workspace


def migrate(url: str) -> None:
    """Create or upgrade the tables: ours, then those of the durable engine."""
    database.migrate(url, engine.migrate)


def build_promoter(
    settings: Settings,
    session: requests.Session,
    tables: sa.Engine,
    metrics: Metrics,
    lease: Lease | None = None,
    links: Links | None = None,
) -> Promoter:
    """Return the promoter that *settings* describe."""
    held = lease or OnlyWorker()
    refuse_two_minds(settings.workspaces)
    slots = service_slots(tables, held)
    targets = [
        Target(
            open_workspace(
                name,
                workspace,
                session,
                FolderMemory(tables, name),
                slots.of(workspace),
            ),
            workspace.git_credential == "app",
            workspace.deployments,
        )
        for name, workspace in settings.workspaces.items()
    ]
    app = open_app(settings, session, on_rate_limit=metrics.calls_left)
    permission_cache = PermissionCache()
    return Promoter(
        app,
        targets,
        PromotionStore(tables, metrics, held),
        CommitReports(CheckRunRecords(tables), permission_cache),
        Deployments(permission_cache),
        links,
        always_report=settings.github.check_runs == "always",
    )


def open_app(
    settings: Settings,
    session: requests.Session,
    *,
    on_rate_limit: Callable[[int, int], None] = lambda _installation, _remaining: None,
) -> GitHubApp:
    """Return the configured GitHub App."""
    github = settings.github
    first, *more = private_keys(github)
    return GitHubApp(
        github.url,
        app_id=github.app_id,
        private_key=first,
        more_keys=more,
        session=session,
        on_rate_limit=on_rate_limit,
        write_seconds=github.write_seconds,
        allows=Admission(allowed_owners=github.allowed_owners).allows,
    )


def open_workspace(
    name: str,
    settings: WorkspaceSettings,
    session: requests.Session,
    memory: Memory | None = None,
    lock: CredentialLocks | None = None,
) -> Workspace:
    """Return one configured workspace, with its own sign-in."""
    entra = Entra(identity_of(name, settings.entra, os.environ, session), session)
    http = Http(
        settings.host,
        session=session,
        authorization=entra.authorization,
        forget=entra.forget,
        limiter=AdaptiveLimiter(SystemClock(), cap=settings.at_once),
    )
    return Workspace(
        name,
        Databricks(http),
        roots=settings.roots,
        rules=rules_of(name, settings),
        at_once=settings.at_once,
        memory=memory,
        lock=lock or in_one_process,
    )


def rules_of(name: str, settings: WorkspaceSettings) -> list[Rule]:
    """Return the workspace's rules, with the names that outcomes show."""
    return [
        Rule(
            name=f"rule {number} of {name}",
            paths=rule.paths,
            follow=rule.follow,
            on_conflict=OnConflict(rule.on_conflict),
            back=rule.back,
        )
        for number, rule in enumerate(settings.rules, start=1)
    ]
