"""The stand-in GitHub alone, and the App's calls to it, for tests that start no service."""

from __future__ import annotations

import pytest
from builders import StillClock

from github_app.github.access import InstallationAccess
from github_app.github.app import GitHubApp
from promotion.http import open_session
from promotion.repository_url import repository_key
from sandbox.faults import Faults
from sandbox.github.server import GitHub
from sandbox.serving import Listener

ETL, JOBS, LAKE = "octo-org/etl", "octo-org/jobs", "octo-org/lake"


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def github(tmp_path, faults):
    """octo-org with the App on its one repository; `installation` is the id of that."""
    listening = Listener(None)
    opened = GitHub(tmp_path / "github", url=listening.url)
    listening.serve(faults.wrap(opened.asgi))
    opened.installation = opened.add_organization("octo-org")
    opened.add_repository(ETL)
    yield opened
    opened.close()
    listening.close()


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def open_app(github, clock):
    """Return a function that opens the App."""
    with open_session(None) as session:

        def open_it(**more):
            return GitHubApp(
                github.url,
                app_id=github.app_id,
                private_key=github.private_key_path.read_text(),
                session=session,
                clock=clock,
                **more,
            )

        yield open_it


@pytest.fixture
def app(open_app):
    return open_app()


def access_to(app, github, name=ETL, clock=None):
    number = github.repository(name).id
    return InstallationAccess(app, github.installation, name, clock or StillClock(), number)


def key_of(github, name):
    return repository_key(f"{github.url}/{name}")
