"""`brickpush plan` says what a push would do, also where names have changed or nothing is read."""

from __future__ import annotations

import hashlib
import json

import pytest
import sqlalchemy as sa
from app_world import fill
from migrated import sqlite_with_tables
from nobody import NOBODY

from github_app.__main__ import main
from github_app.cli.plan import MOST_ASKED
from github_app.storage import database, repository_names
from promotion.repository_url import repository_key
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NEW_NAME = "octo-org/pipelines"


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def plan(sandbox, capsys):
    """Return a function that plans, and returns the exit code, the rows and what was noted."""

    def run(repository, *options):
        code = main(
            [
                *("plan", "--config", str(sandbox.config_path), "--json"),
                *("--repository", repository, "--branch", "main", *options),
            ]
        )
        said = capsys.readouterr()
        return code, json.loads(said.out or "[]"), said.err

    return run


@pytest.fixture
def service_knows(sandbox):
    """Return a function that makes the service's database, and notes names in it."""

    def note(**ids):
        url = sqlite_with_tables(sandbox.directory / "brickpush.sqlite")
        engine = database.open_engine(url)
        with engine.begin() as tx:
            for name, number in ids.items():
                key = repository_key(f"{sandbox.github.url}/octo-org/{name}")
                repository_names.remember(tx, number, key)
        engine.dispose()
        return sandbox.directory / "brickpush.sqlite"

    return note


def decided(rows, word):
    return sorted(row["git folder"] for row in rows if row["decision"] == word)


def asked_for(sandbox, name):
    """Return how often GitHub was asked what a name means."""
    return sum(f"/repos/{name}" in path.lower() for _, path, _ in sandbox.github.requests)


FOUR = [
    "/Repos/ada/etl-main",
    "/Repos/ada/etl-main",
    "/Repos/alan/etl-main",
    "/Repos/alan/etl-main",
]


@pytest.mark.parametrize("asked", [NEW_NAME, world.MAIN])
def test_git_folders_with_a_former_name_are_planned_as_a_push_moves_them(sandbox, plan, asked):
    sandbox.github.rename_repository(world.MAIN, "pipelines")
    sandbox.github.commit(NEW_NAME, "main", {"jobs/1.py": "rows = 1\n"}, "Change it")

    code, rows, noted = plan(asked)

    assert (code, noted) == (0, "")
    assert decided(rows, "moves") == FOUR


def test_a_former_name_that_was_given_to_a_stranger_is_planned_no_more(
    sandbox, plan, service_knows
):
    number = sandbox.github.repository(world.MAIN).id
    sandbox.github.rename_repository(world.MAIN, "pipelines")
    sandbox.github.commit(NEW_NAME, "main", {"jobs/1.py": "rows = 1\n"}, "Change it")
    service_knows(etl=number)
    sandbox.github.add_repository(world.MAIN)  # another one, under the old name

    assert plan(NEW_NAME) == (0, [], "")


def test_a_name_that_the_service_knows_to_be_anothers_is_not_asked_for(
    sandbox, plan, service_knows
):
    found = sandbox.github.repository("octo-org/ml")
    for path in ("/Repos/ada/old-ml", "/Repos/ada/older-ml"):
        url = found.clone_url.replace("/ml.", f"/{path.rpartition('/')[2]}.")
        sandbox.workspace("dev").add_git_folder(path, url, source=found.path)
    service_knows(**{"old-ml": found.id})
    before = asked_for(sandbox, "octo-org/old-ml"), asked_for(sandbox, "octo-org/older-ml")

    code, rows, _ = plan(world.MAIN)

    assert before == (0, 0)
    assert asked_for(sandbox, "octo-org/old-ml") == 0
    assert asked_for(sandbox, "octo-org/older-ml") == 1
    assert (code, decided(rows, "unchanged")) == (0, FOUR)


def test_todays_names_of_other_repositories_are_not_asked_for(sandbox, plan):
    fill(sandbox, repository="octo-org/ml")

    plan(world.MAIN)

    assert asked_for(sandbox, "octo-org/ml") == 0


def test_how_many_names_are_asked_for_is_limited_and_what_is_left_is_said(sandbox, plan):
    found, dev = sandbox.github.repository(world.MAIN), sandbox.workspace("dev")
    for number in range(MOST_ASKED + 2):
        url = found.clone_url.replace("/octo-org/etl.", f"/octo-org/gone-{number:03}.")
        dev.add_git_folder(f"/Repos/gone/{number}", url, source=found.path)

    code, rows, noted = plan(world.MAIN)

    assert (code, decided(rows, "unchanged")) == (0, FOUR)
    assert noted == (
        "brickpush: GitHub was not asked about 2 names of Git folders: octo-org/gone-050, "
        "octo-org/gone-051 ...\n"
    )


def test_the_services_database_is_only_read(sandbox, plan, service_knows):
    path = service_knows(etl=sandbox.github.repository(world.MAIN).id)
    engine = database.open_engine(f"sqlite:///{path}")
    with engine.begin() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '0004'"))
        tx.execute(sa.text("drop table reports"))
    engine.dispose()
    before = hashlib.sha256(path.read_bytes()).hexdigest()

    code, rows, noted = plan(world.MAIN)

    assert (code, noted, decided(rows, "unchanged")) == (0, "", FOUR)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.mark.parametrize("kind", ["no database", "away"])
def test_a_database_that_can_not_be_read_is_noted(sandbox, plan, monkeypatch, kind):
    sandbox.github.rename_repository(world.MAIN, "pipelines")
    if kind == "away":
        monkeypatch.setenv("BRICKPUSH_DATABASE_URL", f"postgresql://x@{NOBODY}/brickpush")
    else:
        (sandbox.directory / "brickpush.sqlite").write_text("this is no database" * 100)

    code, rows, noted = plan(NEW_NAME)

    assert (code, decided(rows, "unchanged")) == (0, FOUR)
    assert noted.startswith(
        "brickpush: the service's database can't be read, so only GitHub is asked: "
    )


def test_a_workspace_that_can_not_be_read_is_named_and_the_others_are_planned(sandbox, plan):
    sandbox.github.commit(world.MAIN, "main", {"jobs/1.py": "rows = 1\n"}, "Change it")
    sandbox.workspace("dev").faults.add(
        status=403,
        times=None,
        body={"error_code": "PERMISSION_DENIED", "message": "Invalid access token."},
    )

    code, rows, _ = plan(world.MAIN)

    [problem] = [row for row in rows if row["decision"] == "not readable"]
    assert code == 1
    assert (problem["workspace"], problem["git folder"]) == ("dev", "")
    assert problem["why"]
    assert {row["workspace"] for row in rows if row["decision"] == "moves"} == {"prod"}


def test_a_sign_in_that_fails_stops_only_its_own_workspace(sandbox, plan):
    sandbox.github.commit(world.MAIN, "main", {"jobs/1.py": "rows = 1\n"}, "Change it")
    (sandbox.directory / "prod.secret").write_text("wrong")

    code, rows, _ = plan(world.MAIN)

    assert code == 1
    assert [row["workspace"] for row in rows if row["decision"] == "not readable"] == ["prod"]
    assert {row["workspace"] for row in rows if row["decision"] == "moves"} == {"dev"}


def test_the_list_of_git_folders_names_a_workspace_that_can_not_be_read(sandbox, capsys):
    sandbox.workspace("dev").faults.add(
        status=403,
        times=None,
        body={"error_code": "PERMISSION_DENIED", "message": "Invalid access token."},
    )

    code = main(["folders", "list", "--config", str(sandbox.config_path), "--json"])

    rows = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [r["workspace"] for r in rows if r["follows"].startswith("not readable: ")] == ["dev"]
    assert {row["workspace"] for row in rows if row["repository"]} == {"prod"}


def test_a_place_that_can_not_be_read_is_a_line_of_its_own(sandbox, plan):
    sandbox.workspace("dev").faults.add(
        status=403, method="GET", path="/api/2.0/workspace/list", times=1
    )

    code, rows, _ = plan(world.MAIN)

    assert code == 0
    assert [row["workspace"] for row in rows if row["decision"] == "not readable"] == ["dev"]
    assert len(decided(rows, "unchanged")) == 4


def test_a_git_folder_that_a_person_must_mend_first_is_blocked(sandbox, plan):
    found = sandbox.github.repository(world.MAIN)
    sandbox.workspace("dev").add_git_folder(
        "/Repos/ada/etl-other", found.clone_url, source=found.path, provider="gitLab"
    )
    sandbox.github.commit(world.MAIN, "main", {"jobs/1.py": "rows = 1\n"}, "Change it")

    code, rows, _ = plan(world.MAIN)

    [blocked] = [row for row in rows if row["decision"] == "blocked"]
    assert code == 0
    assert blocked["git folder"] == "/Repos/ada/etl-other"
    assert "gitLab" in blocked["why"]


def test_an_error_of_githubs_is_said_with_the_next_step(sandbox, plan):
    sandbox.github_faults.add(status=401, path="/api/v3/repos/*", times=None)

    code, _, said = plan(world.MAIN)

    assert code == 1
    assert said.startswith("brickpush: GitHub answered 401")
    assert "; compare github.app_id and the key's fingerprint with the App's page" in said
