"""Put what promotes together from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable

import requests
import sqlalchemy as sa

from github_app.admission import Admission
from github_app.app_keys import private_keys
from github_app.check_run_records import CheckRunRecords
from github_app.commit_reports import CommitReports
from github_app.deployments import Deployments
from github_app.details_link import Links
from github_app.github import GitHubApp
from github_app.lease import Lease, OnlyWorker
from github_app.ledger import Ledger
from github_app.memory import FolderMemory
from github_app.metrics import Metrics
from github_app.permitted import Permitted
from github_app.promoter import Promoter, Target
from github_app.settings import Settings, WorkspaceSettings
from github_app.sign_in import identity_of
from github_app.slots import refuse_two_minds, service_slots
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.entra import Entra
from promotion.http import Http
from promotion.known_folders import Memory
from promotion.pace import Pace
from promotion.rules import OnConflict, Rule
from promotion.slot_keeper import Keepers, in_one_process
from promotion.workspace import Workspace


def build_promoter(
    settings: Settings,
    session: requests.Session,
    tables: sa.Engine,
    metrics: Metrics,
    lease: Lease | None = None,
    links: Links | None = None,
) -> Promoter:
    """Return what carries out the promotions that *settings* describe."""
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
    app = open_app(settings, session, told=metrics.calls_left)
    permitted = Permitted()
    return Promoter(
        app,
        targets,
        Ledger(tables, metrics, held),
        CommitReports(CheckRunRecords(tables), permitted),
        Deployments(permitted),
        links,
        always_report=settings.github.check_runs == "always",
    )


def open_app(
    settings: Settings,
    session: requests.Session,
    *,
    told: Callable[[int, int], None] = lambda _installation, _remaining: None,
) -> GitHubApp:
    """Return the calls that the configured GitHub App makes."""
    github = settings.github
    first, *more = private_keys(github)
    return GitHubApp(
        github.url,
        app_id=github.app_id,
        private_key=first,
        more_keys=more,
        session=session,
        told=told,
        write_seconds=github.write_seconds,
        allows=Admission(allowed_owners=github.allowed_owners).allows,
    )


def open_workspace(
    name: str,
    settings: WorkspaceSettings,
    session: requests.Session,
    memory: Memory | None = None,
    keeper: Keepers | None = None,
) -> Workspace:
    """Return one configured workspace, with a sign-in of its own."""
    entra = Entra(identity_of(name, settings.entra, os.environ, session), session)
    http = Http(
        settings.host,
        session=session,
        authorization=entra.authorization,
        forget=entra.forget,
        pace=Pace(SystemClock(), cap=settings.at_once),
    )
    return Workspace(
        name,
        Databricks(http),
        roots=settings.roots,
        rules=rules_of(name, settings),
        at_once=settings.at_once,
        memory=memory,
        keeper=keeper or in_one_process,
    )


def rules_of(name: str, settings: WorkspaceSettings) -> list[Rule]:
    """Return the workspace's rules, named as its outcomes tell them."""
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
