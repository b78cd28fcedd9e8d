"""Run the service until a signal: the web part, the worker, or both in one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click
import sqlalchemy as sa
from starlette.applications import Starlette

from github_app.config.secret_reloader import LiveSecrets
from github_app.config.settings import Settings
from github_app.recovery.scheduler import Background, build_background
from github_app.reports import outbox
from github_app.reports.details_link import Links
from github_app.runtime import logs
from github_app.runtime.metrics import Metrics
from github_app.runtime.shutdown import STOP_SECONDS, exit_on_signals, shutdown
from github_app.server.details_page import page_routes
from github_app.server.http import create_app, create_probes, serve
from github_app.storage import database
from github_app.storage.retention import Keep
from github_app.webhooks.admission import Admission
from github_app.webhooks.inbox import Intake
from github_app.wiring import build_promoter, migrate
from github_app.worker.engine import Engine
from github_app.worker.lease import fence
from github_app.worker.postgres_lease import open_lease
from promotion.errors import ConfigError
from promotion.http import open_session

Serve = Callable[[Starlette], None]


def run(settings: Settings, *, config: Path | None, host: str, port: int, role: str) -> None:
    """Run the service until SIGTERM or SIGINT; raise ConfigError if it can't start."""
    logs.configure(json=not sys.stderr.isatty())
    sqlite = sa.make_url(settings.database_url).get_backend_name() == "sqlite"
    if role != "all" and sqlite:
        raise ConfigError(
            "--role web and --role worker need PostgreSQL: leave --role out, or set database_url"
        )
    exit_on_signals()
    serving = partial(serve, host=host, port=port, on_listening=_print_address)
    secrets = LiveSecrets(config, os.environ) if role != "worker" else None
    links = _links(settings, secrets, config)
    migrate(settings.database_url)
    if role == "web":
        assert secrets is not None
        _run_web(settings, secrets, links, serving)
    else:
        _run_worker(settings, secrets, links, serving)


def _links(settings: Settings, secrets: LiveSecrets | None, config: Path | None) -> Links | None:
    """Return the links to the details pages; None without a public URL.

    A worker receives no webhooks, but signs these links with the webhook secret too.
    """
    if settings.public_url is None:
        return None
    try:
        return Links(settings.public_url, secrets or LiveSecrets(config, os.environ))
    except ConfigError as exc:
        raise ConfigError(
            f"public_url is set, so a worker signs links with the webhook secret: {exc}"
        ) from None


def _print_address(url: str) -> None:
    click.echo(f"brickpush: listening on {url}")
    sys.stdout.flush()


def _run_web(settings: Settings, secrets: LiveSecrets, links: Links | None, serving: Serve) -> None:
    """Receive webhooks; a worker in another process promotes the pending branches."""
    metrics = Metrics()
    intake = Intake(settings.database_url, metrics=metrics)
    intake.start()
    with shutdown(intake.stop):
        serving(
            create_app(
                intake=intake,
                secrets=secrets,
                metrics=metrics,
                ready=intake.problems,
                admission=Admission(settings.github.app_id, settings.github.allowed_owners),
                pages=page_routes(settings, links),
            )
        )


def _run_worker(
    settings: Settings, secrets: LiveSecrets | None, links: Links | None, serving: Serve
) -> None:
    """Promote pushes; with *secrets*, also receive webhooks."""
    worker = _Worker(settings, links)
    worker.start()
    with shutdown(worker.stop):
        serving(worker.create_app(secrets))


class _Worker:
    """The worker: the promotion engine and the periodic jobs."""

    def __init__(self, settings: Settings, links: Links | None) -> None:
        url = settings.database_url
        self._settings, self._links = settings, links
        self._metrics = Metrics()
        tables = database.open_engine(url)
        session = open_session(str(settings.ca_path) if settings.ca_path else None)
        lease = open_lease(url, ttl=settings.lease_seconds)
        fence(session, lease.may_act)
        promoter = build_promoter(settings, session, tables, self._metrics, lease, links)
        self._admission = Admission(settings.github.app_id, settings.github.allowed_owners)
        self._engine = Engine(
            database_url=url,
            engine=tables,
            promote=promoter.promote,
            metrics=self._metrics,
            lease=lease,
            on_given_up=outbox.put_given_up,
            keep=Keep(settings.retention.days, settings.retention.payload_days),
        )
        self._intake = Intake(url, metrics=self._metrics, on_stored=self._wake)
        self._background: Background = build_background(
            settings,
            tables,
            promoter=promoter,
            store=self._intake.store_now,
            admission=self._admission,
            metrics=self._metrics,
            on_pending=self._engine.wake,
            worker=lease.executor_id,
        )

    def start(self) -> None:
        self._engine.start()
        self._intake.start()
        self._background.start()

    def stop(self) -> None:
        self._background.stop()
        self._intake.stop()
        self._engine.stop(STOP_SECONDS)

    def create_app(self, secrets: LiveSecrets | None) -> Starlette:
        if secrets is None:
            return create_probes(metrics=self._metrics, ready=self._problems)
        return create_app(
            intake=self._intake,
            secrets=secrets,
            metrics=self._metrics,
            ready=self._problems,
            admission=self._admission,
            pages=page_routes(self._settings, self._links),
        )

    def _wake(self) -> None:
        self._engine.wake()
        self._background.wake()

    def _problems(self) -> Mapping[str, str]:
        return {**self._intake.problems(), **self._engine.problems()}
