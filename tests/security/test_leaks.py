"""The look through what the tests leave behind finds what is planted, and nothing else."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from leaks import leak_in, leaks, secrets_of, told_to_github

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
        secrets = secrets_of(sandbox)
        clean = list(leaks(tmp_path, secrets))
        told = list(told_to_github(sandbox.github))
    marks = [secret.encode() for secret in secrets]

    assert len(secrets) >= 7
    assert all(leak_in(b"x " + mark + b" x", marks) is not None for mark in marks)
    assert (clean, told) == ([], [])


def test_a_run_of_tests_that_leaves_a_token_behind_fails(tmp_path):
    """In a pytest of its own, with this project's conftest and in two processes."""
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_it(tmp_path):\n"
        "    (tmp_path / 'service.log').write_text('gh' + 's_' + 'a1B2' * 9)\n"
    )
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    command = (sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider")
    options = ("--import-mode=importlib", "--basetemp", str(tmp_path / "base"), str(test))
    paths = ("-o", f"pythonpath={TESTS} {TESTS.parent}", "--rootdir", str(tmp_path))

    ran = subprocess.run(
        (*command, *paths, *options), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    for left in (tmp_path / "base").rglob("service.log"):
        left.unlink()
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "secrets where none may be" in ran.stdout
    assert "1 passed, 1 error" in ran.stdout
