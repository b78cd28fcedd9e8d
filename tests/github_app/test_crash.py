from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from running import wait_until

pytestmark = pytest.mark.slow  # in short: tests/crash, and tests/faults/test_shutdown.py

PROGRAM = Path(__file__).with_name("killed_service.py")
ROOT = PROGRAM.parents[2]


class Service:
    """A real process of the service, and the file in which it says what it promoted."""

    def __init__(self, directory):
        self._url = f"sqlite:///{directory}/brickpush.sqlite"
        self._log = directory / "promoted"
        self.process = None

    def start(self, *, seconds=0.0):
        self.process = subprocess.Popen(
            (sys.executable, "-W", "error", PROGRAM, self._url, self._log, str(seconds)),
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = urlsplit(self.process.stdout.readline().strip())

    def post(self, body, headers):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port)
        with contextlib.closing(connection):
            connection.request("POST", "/webhooks/github", body, headers)
            return connection.getresponse().status

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(15)
        self.process.stdout.close()

    def said(self, word):
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line.split()[1] for line in lines if line.startswith(word)]


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    if service.process is not None and service.process.returncode is None:
        service.end(signal.SIGKILL)


def test_a_push_acknowledged_before_a_kill_is_promoted_after_it(service, a_body, signed):
    service.start(seconds=30)
    body = a_body(2)
    status = service.post(body, signed(body))
    service.end(signal.SIGKILL)

    service.start()

    wait_until(lambda: service.said("promoted"), seconds=20)
    assert status == 202
    assert service.said("promoted") == ["0" * 39 + "2"]
    service.end(signal.SIGTERM)


def test_work_cut_off_by_a_kill_is_done_again(service, a_body, signed):
    service.start(seconds=30)
    body = a_body(2)
    service.post(body, signed(body))
    wait_until(lambda: service.said("started"), seconds=20)
    service.end(signal.SIGKILL)

    service.start()

    wait_until(lambda: service.said("promoted"), seconds=20)
    assert service.said("started") == ["0" * 39 + "2"] * 2
    service.end(signal.SIGTERM)


def test_sigterm_lets_running_work_end_and_exits_cleanly(service, a_body, signed):
    service.start(seconds=1.5)
    body = a_body(2)
    service.post(body, signed(body))
    wait_until(lambda: service.said("started"), seconds=20)
    before = time.monotonic()

    service.end(signal.SIGTERM)

    assert service.process.returncode == 0
    assert time.monotonic() - before < 10
    assert service.said("promoted") == ["0" * 39 + "2"]


def test_sigterm_ends_within_ten_seconds_whatever_runs(service, a_body, signed):
    service.start(seconds=60)
    body = a_body(2)
    service.post(body, signed(body))
    wait_until(lambda: service.said("started"), seconds=20)
    before = time.monotonic()

    service.end(signal.SIGTERM)

    assert time.monotonic() - before < 10
    assert service.said("promoted") == []


def test_a_push_that_ends_the_process_takes_no_other_with_it(service, a_body, signed):
    innocent = [f"{number:040x}" for number in (2, 3, 4)]
    service.start(seconds=1.0)
    for number in (2, 3, 4, 0xDEAD):
        body = a_body(number, branch=f"branch-{number}")
        service.post(body, signed(body, guid=str(number)))

    def all_promoted():
        return set(innocent) <= set(service.said("promoted"))

    lives = 1
    while not all_promoted():
        wait_until(lambda: service.process.poll() is not None or all_promoted())
        if service.process.poll() is not None:
            service.end(signal.SIGKILL)
            service.start(seconds=1.0)
            lives += 1

    assert sorted(service.said("promoted")) == sorted(innocent)
    assert 2 < lives < 6
