"""Every user of a machine reads every process's arguments: no secret is ever among them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

import pytest
from leaks import SHAPES, secrets_of
from running import AS_INSTALLED, Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


class Arguments:
    """Reads the arguments of the processes that work for one test, over and over.

    Other tests run beside this one: a process is ours by the directory in its environment.
    """

    def __init__(self, directory):
        self.seen = set()
        self._mark = os.fsencode(directory)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                # It may have ended, or be another user's.
                with contextlib.suppress(OSError):
                    if self._mark in path.with_name("environ").read_bytes():
                        self.seen.add(path.read_bytes())

    def saw(self, words):
        return any(words in line for line in self.seen.copy())


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        repository = opened.github.repository(world.MAIN)
        for workspace in opened.workspaces:
            workspace.add_git_folder("/Repos/a/etl", repository.clone_url, source=repository.path)
        # A person's pull needs a credential of the person's own; the service brings its own.
        place = opened.places[0]
        place.workspace.store_git_credential(
            "admin@octo.example", "gitHub", "octocat", opened.user_token
        )
        place.workspace.faults.latency_seconds = 0.1
        yield opened


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_no_process_of_a_push_has_a_secret_among_its_arguments(sandbox, tmp_path):
    developer = Developer(sandbox, tmp_path / "clone")
    traced = tmp_path / "git-trace"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    place = sandbox.places[0]
    developer.environ.update(
        PATH=path,
        # git's processes live for milliseconds: each notes its own arguments, as they are.
        GIT_TRACE2_EVENT=str(traced),
        GIT_TRACE2_REDACT="0",
        DATABRICKS_HOST=place.workspace.url,
        DATABRICKS_TOKEN=place.token,
        REQUESTS_CA_BUNDLE=str(sandbox.certificate.ca_path),
        BRICKPUSH_STATE_DIR=str(tmp_path / "state"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    developer.environ.pop("CI", None)
    developer.git("promote", "install")

    marked = {"TEST_DIRECTORY": str(tmp_path)}
    with running_service(sandbox, program=AS_INSTALLED, **marked), Arguments(tmp_path) as arguments:
        sha = developer.commit()
        developer.push()
        wait_until(
            lambda: {f.head_commit_id for w in sandbox.workspaces for f in w.folders()} == {sha},
            what="the Git folders",
        )
        wait_until(lambda: arguments.saw(b"serve"), what="the service")
        waited = developer.git("promote", "wait")

    every = b"\n".join(arguments.seen) + traced.read_bytes()
    assert f"at {sha[:7]}" in waited
    assert arguments.saw(b"background")
    assert b"for-each-ref" in every
    assert [secret[:12] for secret in secrets_of(sandbox) if secret.encode() in every] == []
    assert SHAPES.search(every) is None
