"""Commands beside a service that promotes: no credential is swapped under a pull."""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest
from app_world import FAST, heads, push
from forked import Forked
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from running import environment, running_service, wait_until
from slots_seen import strangers_pulls

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

LAKE = "other-org/lake"
FOLDERS = 3  # pulled one after the other


@pytest.fixture
def other(sandbox):
    """Another organization, whose Git folders stand in the same workspace."""
    installation = sandbox.github.add_organization("other-org")
    sandbox.github.add_repository(LAKE)
    sandbox.github.commit(LAKE, "main", {"README.md": "# lake\n"}, "Begin")
    found, dev = sandbox.github.repository(LAKE), sandbox.workspace("dev")
    for number in range(FOLDERS):
        dev.add_git_folder(f"/Shared/lake-{number}", found.clone_url, source=found.path)
    return installation


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        found, dev = opened.github.repository(world.MAIN), opened.workspace("dev")
        dev.add_git_folder("/Repos/ada/etl", found.clone_url, source=found.path)
        text = opened.config_path.read_text()
        first, _, _ = text.partition("[workspaces.prod]")
        opened.config_path.write_text(
            first.replace("[workspaces.dev]\n", "[workspaces.dev]\nat_once = 1\n")
        )
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def environ(request):
    """Return what tells the service and the commands which database is theirs."""
    if request.param == "sqlite":
        return {}
    return {"BRICKPUSH_DATABASE_URL": request.getfixturevalue("postgres_url")}


class Command:
    """A command in a process of its own, beside the service."""

    def __init__(self, sandbox, environ, log, *arguments):
        self._log = log
        self._running = Forked(
            (*arguments, "--config", str(sandbox.config_path)),
            cwd=sandbox.directory,
            log=log,
            environ=environment(**environ),
        )

    def said(self):
        """Return what it has written to stderr, once it has."""
        return wait_until(lambda: self._log.exists() and self._log.read_text(), what="some words")

    def end(self):
        """Return its exit code, and what it has written."""
        out = self._running.stdout.read()
        return self._running.wait(90), out, self._log.read_text()

    def kill(self):
        self._running.kill()
        self._running.wait(90)
        self._running.stdout.close()


@pytest.fixture
def start(sandbox, environ):
    """Return a function that starts a command."""
    numbers = itertools.count(1)
    with contextlib.ExitStack() as stack:

        def begin(*arguments):
            log = sandbox.directory / f"{next(numbers)}.log"
            command = Command(sandbox, environ, log, *arguments)
            stack.callback(command.kill)
            return command

        yield begin


@contextlib.contextmanager
def beside_a_promotion(sandbox, environ, other):
    """Run the service, and yield what lets it go on with the other organization's pulls."""
    dev = sandbox.workspace("dev")
    with running_service(sandbox, **FAST, **environ) as service, contextlib.ExitStack() as busy:
        busy.enter_context(dev._folder("/Shared/lake-0").busy)
        sha = push(sandbox, service, repository=LAKE, installation=other)
        wait_until(lambda: pulls_begun(dev), what="a pull that is under way")
        yield busy.close
        busy.close()
        wait_until(lambda: heads(sandbox, "lake") == {sha}, what="the other organization's push")
        again = push(sandbox, service, repository=LAKE, installation=other)
        wait_until(lambda: heads(sandbox, "lake") == {again}, what="the next push")
    assert strangers_pulls(sandbox, dev, other) == []
    assert [pull.ok for pull in dev.pulls] == [True] * len(dev.pulls)


def pulls_begun(workspace):
    return [r for r in workspace.requests if r.method == "PATCH" and "/repos/" in r.path]


def waiting_for(other):
    return (
        f"brickpush: the service promotes with the token of installation {other}: waiting, "
        "at most 60 s\n"
    )


def adding(path, branch="dev"):
    return (
        *("folders", "add", "--workspace", "dev", "--repository", world.MAIN),
        *("--branch", branch, "--provider", "gitHub", path),
    )


def links_of(out):
    links = json.loads(out)["links"]
    return {link["link"]: link for link in links if link["part"] != "GitHub"}


def test_the_doctor_waits_for_a_promotion_and_the_next_one_has_its_own_token(
    sandbox, other, environ, start
):
    with beside_a_promotion(sandbox, environ, other) as go_on:
        doctor = start("doctor", "--json", "--pull", "/Repos/ada/etl")
        said = doctor.said()
        go_on()
        _, out, _ = doctor.end()

    links = links_of(out)
    assert said == waiting_for(other)
    assert (links["Git credential"]["state"], links["pull"]["state"]) == ("ok", "ok")


def test_a_doctor_that_gives_up_tests_nothing_and_says_so(sandbox, other, environ, start):
    with beside_a_promotion(sandbox, environ, other):
        code, out, _ = start("doctor", "--wait", "0.5", "--json").end()
        plain_code, plain, errors = start("doctor", "--wait", "0").end()

    found = links_of(out)["Git credential"]
    assert (code, plain_code, json.loads(out)["ok"]) == (1, 1, False)
    assert (found["state"], found["says"]) == (
        "untested",
        f"not tested: promotions with the token of installation {other} use the principal's Git "
        "credential, and did not end within 0.5 s",
    )
    assert found["fix"] == "run this again when they have ended, or wait longer with --wait"
    assert "1 not tested" in plain.splitlines()[-1]
    assert "every link works" not in plain
    assert errors == ""  # who does not wait says nothing of it


def test_a_git_folder_is_added_when_the_promotion_has_ended(sandbox, other, environ, start):
    with beside_a_promotion(sandbox, environ, other) as go_on:
        code, _, errors = start(*adding("/Shared/team/early"), "--wait", "0.1").end()
        add = start(*adding("/Shared/team/etl"))
        said = add.said()
        go_on()
        added, _, _ = add.end()

    assert (code, added) == (1, 0)
    assert errors.endswith(
        f"brickpush: dev: promotions with the token of installation {other} use the principal's "
        "Git credential, and did not end within 0.1 s; run this again when they have ended, or "
        "wait longer with --wait\n"
    )
    assert said == waiting_for(other)
    found = {folder.path for folder in sandbox.workspace("dev").folders()}
    assert {path for path in found if "team" in path} == {"/Shared/team/etl"}


@pytest.mark.slow
def test_while_a_command_has_the_slot_the_services_promotions_wait(sandbox, other, environ, start):
    dev = sandbox.workspace("dev")
    late = dev.faults.add(method="POST", path="/api/2.0/repos", status="late", seconds=2.0)
    with running_service(sandbox, **FAST, **environ) as service:
        add = start(*adding("/Shared/team/etl"))
        wait_until(lambda: late.hits, what="a clone whose answer is late")
        sha = push(sandbox, service, repository=LAKE, installation=other)
        wait_until(lambda: heads(sandbox, "lake") == {sha}, what="the push")
        code, _, _ = add.end()

    assert code == 0
    assert dev.folder("/Shared/team/etl").branch == "dev"
    assert strangers_pulls(sandbox, dev, other) == []
    assert [pull.ok for pull in dev.pulls] == [True] * len(dev.pulls)


def test_a_command_that_is_killed_leaves_the_slot(sandbox, other, environ, start):
    dev = sandbox.workspace("dev")
    with running_service(sandbox, **FAST, **environ) as service, contextlib.ExitStack() as busy:
        busy.enter_context(dev._folder("/Repos/ada/etl").busy)
        doctor = start("doctor", "--pull", "/Repos/ada/etl")
        wait_until(lambda: pulls_begun(dev), what="the doctor's pull")
        sha = push(sandbox, service, repository=LAKE, installation=other)
        doctor.kill()
        wait_until(lambda: heads(sandbox, "lake") == {sha}, what="the push")

    assert [pull for pull in strangers_pulls(sandbox, dev, other) if "lake" in pull] == []
