"""The look through what the tests leave behind finds what is planted, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from leaks import leak_in, leaks, marks, secrets_of

from sandbox import disclosure
from sandbox.sandbox import Options, open_sandbox

TESTS = Path(__file__).parents[1]
PLANTED = [
    pytest.param(
        "gh" + "s_123456_" + "eyJ" + "hbGciOi.eyJpc3MiOi.c2ln-_x" * 2, id="GitHub, stateless"
    ),
    pytest.param("gh" + "p_" + "a1B2" * 9, id="GitHub, a person's"),
    pytest.param("dap" + "i" + "0123456789abcdef" * 2, id="Databricks"),
    pytest.param("ey" + "J" + "a" * 30 + ".ey" + "J" + "b" * 30 + "." + "c" * 30, id="Entra"),
    pytest.param("-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE", id="a private key"),
    pytest.param("a-client-secret-of-no-known-shape", id="a client secret"),
]


@pytest.mark.parametrize("secret", PLANTED)
def test_a_planted_secret_is_found_in_a_log_and_in_a_database(tmp_path, secret):
    log, stored = tmp_path / "logs-of-it" / "service.log", tmp_path / "brickpush.sqlite"
    log.parent.mkdir()
    log.write_text(f'{{"event": "odd", "answer": "{secret}"}}\n')
    with sqlite3.connect(stored) as connection:
        connection.execute("create table deliveries (payload blob)")
        connection.execute("insert into deliveries values (?)", (secret.encode(),))
    connection.close()

    found = {path for path, _ in leaks(tmp_path, {"a-client-secret-of-no-known-shape"})}

    log.unlink()
    stored.unlink()  # or the look at the end of all tests would find them too
    assert found == {log, stored}


def test_words_about_tokens_are_no_tokens(tmp_path):
    (tmp_path / "service.log").write_text(
        "ghs_ and dapi, eyJ; -----BEGIN PRIVATE KEY----- [hidden]"
    )

    assert list(leaks(tmp_path)) == []


def test_every_secret_that_a_sandbox_gives_out_is_found(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        sandbox.github.webhook_secret = "one that an operator has chosen"
        secrets = secrets_of(sandbox)
        clean = list(leaks(tmp_path, disclosure.known))

    looked_for = marks(disclosure.known)
    assert len(secrets) >= 7
    assert all(leak_in(f"x {secret} x".encode(), looked_for) is not None for secret in secrets)
    assert clean == []


def test_a_run_of_tests_that_leaves_a_token_behind_fails(tmp_path):
    """In a pytest of its own, with this project's conftest and in two processes."""
    test = (
        "def test_it(tmp_path):\n"
        "    (tmp_path / 'service.log').write_text('gh' + 's_' + 'a1B2' * 9)\n"
    )

    ran = run_of(test, tmp_path, "-n", "1")

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "secrets where none may be" in ran.stdout
    assert "1 passed, 1 error" in ran.stdout


@pytest.mark.slow
def test_a_leak_is_found_wherever_a_sandbox_was_made_and_whatever_was_written(tmp_path):
    """Each planted secret is in another place: a fixture that yields no sandbox, a `with`, ..."""
    ran = run_of((Path(__file__).with_name("planted_leaks.py")).read_text(), tmp_path)

    found = re.findall(r"^\W*\('([a-z ]+)', '", ran.stdout, re.MULTILINE)
    files = re.findall(r"/(\w+)\.log'\), '", ran.stdout)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "10 passed, 1 error" in ran.stdout
    assert sorted(found) == [
        "answer to a webhook",
        "check run",  # of a scene
        "check run",  # of a sandbox within a test
        "check run",  # since written over
        "commit status",
        "deployment",
        "deployment status",
    ]
    assert sorted(files) == ["client_secret", "of_an_app", "rotated"]


def run_of(test, directory, *options):
    """Run one module of tests with this project's conftest; what it leaves is removed."""
    path = directory / "test_it.py"
    path.write_text(test)
    (directory / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options)
    places = ("--import-mode=importlib", "--basetemp", str(directory / "base"), str(path))
    paths = ("-o", f"pythonpath={TESTS} {TESTS.parent}", "--rootdir", str(directory))
    try:
        return subprocess.run(
            (*command, *paths, *places),
            cwd=directory,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # or it leaves the token behind
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(directory / "base", ignore_errors=True)
