"""The App's keys, clock and tokens, as GitHub makes it hard."""

from __future__ import annotations

import subprocess
import sys

import pytest
from app_world import (
    FAST,
    completed,
    conclusions,
    fill,
    push,
    settled,
    wait_for_heads,
)
from running import environment, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **FAST) as running:
        yield running


@pytest.mark.parametrize("skew", [900, -900])
def test_githubs_clock_is_learnt_where_ours_is_wrong(sandbox, skew):
    sandbox.github.clock_skew = skew

    with running_service(sandbox, **FAST) as service:
        sha = push(sandbox, service)
        wait_for_heads(sandbox, sha)
        assert conclusions(sandbox, sha) == {"success"}

    assert "github.clock_differs" in service.log.read_text()


def test_of_several_keys_the_one_that_github_knows_is_used(sandbox):
    known = sandbox.github.private_key_path
    retired, text = sandbox.directory / "retired.pem", known.read_text()
    good = sandbox.github.add_private_key()
    sandbox.github.delete_private_key(known)
    retired.write_text(text)
    config = sandbox.config_path.read_text()
    sandbox.config_path.write_text(config.replace(f'private_key_path = "{known}"\n', ""))
    keys = {"BRICKPUSH_GITHUB__PRIVATE_KEY_PATHS": f'["{retired}", "{good}"]'}

    with running_service(sandbox, **FAST, **keys) as service:
        sha = push(sandbox, service)
        wait_for_heads(sandbox, sha)


def test_tokens_are_kept_and_narrow_and_two_pushes_need_no_more_of_them(sandbox, service):
    sha = push(sandbox, service)
    completed(sandbox, sha)
    settled(service)
    issued = sandbox.github.issued_tokens
    kinds = {tuple(sorted(t.permissions.items())) for t in issued}
    narrow = [t for t in issued if t.permissions.keys() & {"contents", "checks"}]
    count = len(sandbox.github.issued_tokens)

    sha = push(sandbox, service)
    completed(sandbox, sha)
    settled(service)

    assert len(sandbox.github.issued_tokens) == count
    assert {t.repository_ids for t in narrow} == {(sandbox.github.repository(world.MAIN).id,)}
    assert len(narrow) == 2  # one reads, one reports, for both workspaces
    assert kinds <= {
        (("contents", "read"), ("metadata", "read")),
        (("checks", "write"), ("metadata", "read")),
        (("metadata", "read"),),
    }


def test_a_fresh_token_that_github_does_not_know_yet_is_given_time(sandbox, service):
    sandbox.github.lag_fresh_tokens(uses=1)

    sha = push(sandbox, service)

    wait_for_heads(sandbox, sha)
    assert conclusions(sandbox, sha) == {"success"}


@pytest.mark.slow
def test_an_app_that_was_installed_anew_is_found_again(sandbox, service):
    completed(sandbox, push(sandbox, service))
    settled(service)
    sandbox.github.uninstall(sandbox.installation_id)
    sandbox.github.add_organization(world.ORGANIZATION)

    sha = push(sandbox, service)  # tells the old id

    wait_for_heads(sandbox, sha)
    assert conclusions(sandbox, sha) == {"success"}
    assert "github.found_again" in service.log.read_text()


@pytest.mark.slow
def test_no_delivery_is_refused_while_the_webhook_secret_is_rotated(sandbox, service):
    github, old = sandbox.github, sandbox.github.webhook_secret

    def rotate(*options):
        """Rotate while GitHub delivers one event after the other."""
        program = (sys.executable, "-I", "-m", "brickpush", "rotate", "webhook-secret")
        where = ("--config", str(sandbox.config_path), "--url", service.url)
        with subprocess.Popen((*program, *where, *options), env=environment()) as process:
            while process.poll() is None:
                told = len(github.deliveries)
                github.ping()
                wait_until(lambda told=told: len(github.deliveries) > told, what="a delivery")
        return process.returncode

    begun, between = rotate(), github.webhook_secret
    finished = rotate("--finish")
    sha = push(sandbox, service)

    assert (begun, finished) == (0, 0)
    assert github.webhook_secret == between != old
    assert {delivery.status for delivery in github.deliveries} == {"OK"}
    wait_for_heads(sandbox, sha)
