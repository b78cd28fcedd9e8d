"""A link opens the page that it was made for, and none that a new database counts alike."""

from __future__ import annotations

import pytest
import requests
from app_world import FAST, completed, fill, push
from running import running_service

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

PUBLIC = "https://brickpush.example.com"
DETAILS = {**FAST, "BRICKPUSH_PUBLIC_URL": PUBLIC, "BRICKPUSH_RECONCILE_SECONDS": "3600"}
SECRET = "octo-org/secret-project"


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        opened.github.add_repository(SECRET)
        opened.github.commit(SECRET, "main", {"README.md": "# Secret\n"}, "Begin")
        fill(opened, repository=SECRET, people=("grace",))
        yield opened


def links(sandbox, database, repository):
    """Promote a push on an empty database; return the links and how each of *asked* answers."""
    with running_service(sandbox, BRICKPUSH_DATABASE_URL=database, **DETAILS) as service:
        runs = completed(sandbox, push(sandbox, service, repository=repository))
        return [run.details_url for run in runs.values()]


def test_a_link_of_an_earlier_database_opens_nothing_in_the_next(sandbox, tmp_path):
    first = links(sandbox, f"sqlite:///{tmp_path}/first.sqlite", world.MAIN)

    second = f"sqlite:///{tmp_path}/second.sqlite"
    links(sandbox, second, SECRET)
    with running_service(sandbox, BRICKPUSH_DATABASE_URL=second, **DETAILS) as service:
        answers = [
            requests.get(service.url + link.removeprefix(PUBLIC), timeout=10) for link in first
        ]

    assert len(first) == 2
    assert {answer.status_code for answer in answers} == {404}
    assert not any("secret-project" in answer.text for answer in answers)
