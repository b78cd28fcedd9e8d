"""Whatever the service is at, it ends within ten seconds of a signal, and the next one goes on."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from app_world import checks, post, push_payload
from fault_scene import QUICK, Scene
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from running import Service, environment, wait_until
from storage_trouble import are_stored, database_of, locked_database

from sandbox.sandbox import Options, open_sandbox

UPDATE = "/api/2.0/repos/*"
LOOK = "/api/2.0/workspace/list"
SECONDS = 10.0
TERM, INT = signal.SIGTERM, signal.SIGINT


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("shutdown"), Options(empty=True)) as sandbox:
        yield Scene(sandbox)


@pytest.fixture
def scene(shared):
    """A service that is well, and may be ended."""
    shared.start()
    shared.begin()
    yield shared
    shared.calm()
    shared.service.close()


def end(scene, *signals, between=0.3):
    """Send the signals; return the exit code and the seconds from the first one to the end."""
    process, started = scene.service.process, time.monotonic()
    for number in signals:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(between)
    code = process.wait(60)
    return code, time.monotonic() - started


def everywhere(scene, path, method="GET", **fault):
    return [
        workspace.faults.add(method=method, path=path, times=None, **fault)
        for workspace in scene.workspaces
    ]


def slow_updates(scene, seconds):
    """Push, and return the commit while its updates are on their way."""
    late = everywhere(scene, UPDATE, "PATCH", status="late", seconds=seconds)
    sha = scene.push()
    wait_until(lambda: all(fault.hits for fault in late), what="the updates")
    return sha


def nothing(scene):
    return None


def updates_that_end_soon(scene):
    return slow_updates(scene, 1.5)


def updates_that_take_long(scene):
    return slow_updates(scene, 60)


def a_comparison_that_takes_long(scene):
    late = everywhere(scene, LOOK, status="late", seconds=60)
    wait_until(lambda: any(fault.hits for fault in late), what="a survey")


def a_github_that_takes_long(scene):
    fault = scene.sandbox.github_faults.add(
        path="*/git/ref/*", status="late", seconds=60, times=None
    )
    sha = scene.push()
    wait_until(lambda: fault.hits, what="a look at the branch")
    return sha


def all_of_it_at_once(scene):
    sha = slow_updates(scene, 60)
    a_comparison_that_takes_long(scene)
    return sha


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(nothing, marks=pytest.mark.slow),
        pytest.param(updates_that_end_soon, marks=pytest.mark.slow),
        pytest.param(updates_that_take_long, marks=pytest.mark.slow),
        a_comparison_that_takes_long,
        pytest.param(a_github_that_takes_long, marks=pytest.mark.slow),
        pytest.param(all_of_it_at_once, marks=pytest.mark.slow),
    ],
)
def test_sigterm_ends_the_service_in_time_and_the_next_one_goes_on(scene, say, begin):
    sha = begin(scene)

    code, seconds = end(scene, TERM)

    scene.calm()
    say(f"SIGTERM, {begin.__name__.replace('_', ' ')}: ended after {seconds:.1f} s")
    assert (code, seconds < SECONDS) == (0, True)
    if sha is not None:
        is_done_once(scene, sha)


def is_done_once(scene, sha):
    """Start the service again: the push is promoted, and each workspace has one check run of it."""
    scene.start()
    scene.wait_promoted(sha)
    assert scene.reported_in(sha) == ["dev", "prod"]
    scene.check()


@pytest.mark.slow
def test_what_ends_soon_is_ended_before_the_service_ends(scene):
    sha = updates_that_end_soon(scene)

    end(scene, TERM)

    assert {run.conclusion for run in checks(scene.sandbox, sha).values()} == {"success"}


@pytest.mark.parametrize(
    ("signals", "most"),
    [
        pytest.param((TERM, TERM), SECONDS, id="twice SIGTERM", marks=pytest.mark.slow),
        pytest.param((INT,), SECONDS, id="Ctrl-C", marks=pytest.mark.slow),
        pytest.param((INT, INT), 3.0, id="Ctrl-C, and again", marks=pytest.mark.slow),
        pytest.param((TERM, INT), 3.0, id="SIGTERM, then Ctrl-C", marks=pytest.mark.slow),
        pytest.param((TERM,) * 9, SECONDS, id="SIGTERM again and again", marks=pytest.mark.slow),
    ],
)
def test_however_often_it_is_told_to_it_ends_well(scene, signals, most):
    sha = updates_that_take_long(scene)

    code, seconds = end(scene, *signals)

    scene.calm()
    assert (code, seconds < most) == (0, True)
    is_done_once(scene, sha)


def open_connections(scene):
    """Open connections that nobody closes: nothing sent, half a header, half a body, one in use."""
    address = urlsplit(scene.service.url)
    for sent in (
        b"",
        b"POST /webhooks/github HTTP/1.1\r\nHost: x",
        b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        connection = socket.create_connection((address.hostname, address.port))
        connection.sendall(sent)
        yield connection


@pytest.mark.slow
def test_connections_that_nobody_closes_hold_nothing_up(scene, say):
    connections = list(open_connections(scene))
    sha = updates_that_take_long(scene)

    code, seconds = end(scene, TERM)

    for connection in connections:
        connection.close()
    scene.calm()
    say(f"SIGTERM, open connections: ended after {seconds:.1f} s")
    assert (code, seconds < SECONDS) == (0, True)
    is_done_once(scene, sha)


@pytest.mark.slow
def test_a_database_that_is_held_does_not_hold_the_service(scene, say):
    with locked_database(scene):
        told = scene.log_size()
        before = scene.history[-1]
        status, _ = post(scene.sandbox, scene.service, push_payload(scene.sandbox, before, before))
        code, seconds = end(scene, TERM)

    say(f"SIGTERM, the database held: ended after {seconds:.1f} s")
    assert status == 503
    assert scene.said("delivery.not_stored", told)
    assert (code, seconds < SECONDS) == (0, True)


class Senders:
    """Post pushes without a pause, from several threads, until nobody answers."""

    def __init__(self, scene):
        self._scene = scene
        self.accepted = []
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join(60)

    def _send(self, number):
        scene, before = self._scene, self._scene.history[-1]
        with contextlib.suppress(OSError):  # who is not answered knows that nothing was taken
            for count in range(10_000):
                guid = f"sender-{number}-{time.time_ns()}-{count}"
                payload = push_payload(scene.sandbox, before, before, branch=f"sent-{number}")
                payload["sender"] = {"login": guid}  # the same body again would be no news
                status, _ = post(scene.sandbox, scene.service, payload, guid=guid)
                if status == 202:
                    self.accepted.append(guid)
                else:
                    assert status == 503


def test_sigterm_during_intake_loses_nothing_that_was_acknowledged(scene, say):
    with Senders(scene) as senders:
        wait_until(lambda: len(senders.accepted) > 40, what="some deliveries")
        code, seconds = end(scene, TERM)

    say(f"SIGTERM, {len(senders.accepted)} deliveries taken in: ended after {seconds:.1f} s")
    assert (code, seconds < SECONDS) == (0, True)
    assert are_stored(scene, senders.accepted)


def has_open(process, path):
    with contextlib.suppress(OSError):
        return any(each.readlink() == path for each in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it can't be seen where it is")
@pytest.mark.parametrize("number", [TERM, pytest.param(INT, marks=pytest.mark.slow)])
def test_a_signal_during_its_start_ends_it_at_once(shared, number):
    config = str(shared.sandbox.config_path)
    with locked_database(shared), shared.log.open("a") as errors:
        process = subprocess.Popen(
            (sys.executable, "-I", "-m", "brickpush", "serve", "--config", config, "--port", "0"),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment(**QUICK),
        )
        wait_until(lambda: has_open(process, database_of(shared)), what="its wait for the database")
        process.send_signal(number)

        assert process.wait(SECONDS) == 0


@pytest.mark.slow
def test_what_one_worker_could_not_end_another_goes_on_with(
    own_scene,
    postgres_url,  # noqa: F811 - a fixture
    say,
):
    scene, environ = own_scene, {**QUICK, "BRICKPUSH_DATABASE_URL": postgres_url}
    config = scene.sandbox.config_path
    first = Service(config, scene.sandbox.directory / "first.log", **environ)
    scene.service = first
    scene.wait_promoted(scene.push())
    sha = updates_that_take_long(scene)
    scene.service = Service(config, scene.log, **environ)

    code = first.stop()
    scene.calm()
    seconds = scene.wait_promoted(sha)

    say(f"another worker had it promoted and told {seconds:.1f} s after the first had ended")
    assert (code, scene.reported_in(sha)) == (0, ["dev", "prod"])
    scene.check()
