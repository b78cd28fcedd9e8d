"""What is written is its owner's only, and goes through nobody's link."""

from __future__ import annotations

import os
import stat

import pytest

from github_app.setup.files import write_new
from github_app.storage import database
from github_app.wiring import migrate
from hooks.foreground.last_failure import leave
from hooks.foreground.private_file import write_whole
from hooks.foreground.pushed_refs import PushedRefs
from hooks.promote_after_push import write_queued_push
from hooks.results.lock import Lock
from promotion.errors import ConfigError


@pytest.fixture
def generous():
    """A umask that keeps nobody out."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("exists", [True, False])
def test_a_secret_is_not_written_through_a_link(tmp_path, exists):
    target, link = tmp_path / "target", tmp_path / "webhook.secret"
    if exists:
        target.write_text("theirs")
    link.symlink_to(target)

    with pytest.raises(ConfigError, match="never overwritten"):
        write_new(link, "secret")

    assert not target.exists() or target.read_text() == "theirs"


def test_a_state_file_is_not_written_through_a_link(tmp_path):
    target, path = tmp_path / "target", tmp_path / "result.json"
    target.write_text("theirs")
    (tmp_path / f"result.json.{os.getpid()}.draft").symlink_to(target)
    path.symlink_to(target)

    write_whole(str(path), "ours")

    assert target.read_text() == "theirs"
    assert (path.is_symlink(), path.read_text()) == (False, "ours")


@pytest.mark.usefixtures("generous")
def test_what_is_written_is_its_owners_only(tmp_path):
    write_new(tmp_path / "app.private-key.pem", "x")
    write_whole(str(tmp_path / "result.json"), "{}")
    leave(str(tmp_path), "octo-org/etl", "it failed")
    pushed = PushedRefs("origin", "https://github.com/o/r", {}, complete=True)
    write_queued_push(str(tmp_path / "state"), pushed, {}, None)
    Lock(tmp_path / "flights" / "a.lock").acquire()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name: mode(path) for path in files} == {path.name: 0o600 for path in files}
    assert len(files) == 5
    assert mode(tmp_path / "state" / "queued-pushes") == mode(tmp_path / "flights") == 0o700


@pytest.mark.usefixtures("generous")
def test_the_database_is_its_owners_only(tmp_path):
    url = f"sqlite:///{tmp_path}/brickpush.sqlite"
    migrate(url)
    engine = database.open_engine(url)
    with engine.connect():
        found = {path.name: mode(path) for path in tmp_path.iterdir()}
    engine.dispose()

    assert set(found.values()) == {0o600}
