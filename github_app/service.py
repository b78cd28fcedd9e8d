"""Put the service together from its settings, and run it until it is told to stop."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence

import click
import requests
import sqlalchemy as sa

from github_app import database, logs, names, outcomes
from github_app.branches import BranchPush
from github_app.engine import Engine
from github_app.github import GitHubApp
from github_app.intake import Intake
from github_app.memory import FolderMemory
from github_app.metrics import Metrics
from github_app.promoter import Promoter, Target
from github_app.server import create_app, serve
from github_app.settings import Settings, WorkspaceSettings, read_secret, webhook_secrets
from github_app.sign_in import identity_of
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.entra import Entra
from promotion.errors import ConfigError, PromotionError
from promotion.http import Http, open_session
from promotion.known_folders import Memory
from promotion.pace import Pace
from promotion.repository_url import RepositoryKey, repository_key
from promotion.rules import OnConflict, Rule
from promotion.workspace import Report, Workspace

STOP_SECONDS = 6.0  # for what runs to end, out of the ten that SIGTERM gives


def run(settings: Settings, *, host: str, port: int, role: str) -> None:
    """Run the service until SIGTERM or SIGINT; raise ConfigError where it can't start."""
    logs.configure(json=not sys.stderr.isatty())
    if role != "all":
        raise ConfigError("--role web and --role worker need PostgreSQL: leave --role out")
    secrets = webhook_secrets(settings.github)
    metrics = Metrics()
    session = open_session(str(settings.ca_path) if settings.ca_path else None)
    database.migrate(settings.database_url)
    tables = database.open_engine(settings.database_url)
    promoter = build_promoter(settings, session, tables, metrics)
    engine = Engine(
        database_url=settings.database_url,
        engine=tables,
        promote=promoter.promote,
        metrics=metrics,
    )
    intake = Intake(settings.database_url, metrics=metrics, on_stored=engine.wake)

    def problems() -> Mapping[str, str]:
        return {**intake.problems(), **engine.problems()}

    engine.start()
    intake.start()
    try:
        app = create_app(intake=intake, secrets=secrets, metrics=metrics, ready=problems)
        serve(app, host=host, port=port, on_listening=_say)
    finally:
        intake.stop()
        if not engine.stop(STOP_SECONDS):
            sys.stderr.flush()
            os._exit(0)  # what still runs can't be ended, and is taken up at the next start


def _say(url: str) -> None:
    click.echo(f"brickpush: listening on {url}")
    sys.stdout.flush()


def build_promoter(
    settings: Settings, session: requests.Session, tables: sa.Engine, metrics: Metrics
) -> Promoter:
    """Return what carries out the promotions that *settings* describe."""

    def record(owed: BranchPush, report: Report) -> None:
        for outcome in report.outcomes:
            metrics.promoted(outcome.conclusion.value)
        with tables.begin() as tx:
            outcomes.record(tx, owed, report, at=time.time())

    def names_of(owed: BranchPush) -> Sequence[RepositoryKey]:
        key = repository_key(owed.repository_url)
        if key is None:
            raise PromotionError(f"{owed.repository_url} names no repository")
        with tables.begin() as tx:
            names.remember(tx, owed.repository_id, key)
            return names.known_as(tx, owed.repository_id)

    targets = [
        Target(
            open_workspace(name, workspace, session, FolderMemory(tables, name)),
            workspace.git_credential == "app",
        )
        for name, workspace in settings.workspaces.items()
    ]
    return Promoter(open_app(settings, session), targets, record, names_of)


def open_app(settings: Settings, session: requests.Session) -> GitHubApp:
    """Return the calls that the configured GitHub App makes."""
    github = settings.github
    key = read_secret("github.private_key_path", github.private_key, github.private_key_path)
    return GitHubApp(github.url, app_id=github.app_id, private_key=key, session=session)


def open_workspace(
    name: str, settings: WorkspaceSettings, session: requests.Session, memory: Memory | None = None
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
