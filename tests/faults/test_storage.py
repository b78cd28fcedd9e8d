"""The disk is full, or somebody holds the database: nothing is acknowledged that is not kept."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from running import Developer, wait_until
from storage_trouble import are_stored, full_disk, locked_database

UPDATE = "/api/2.0/repos/*"


def begin_slowly(scene):
    """Push, and return while the updates of the Git folders are on their way."""
    late = [
        workspace.faults.add(method="PATCH", path=UPDATE, status="late", seconds=1.5, times=2)
        for workspace in scene.workspaces
    ]
    scene.push()
    wait_until(lambda: all(fault.hits for fault in late), what="the updates")


def refused_and_found(scene, developer, trouble):
    """Push while *trouble* lasts; return how long it took after it until all was well."""
    with trouble(scene):
        refused = [scene.push_as(developer) for _ in range(2)]
    assert [delivery.status_code for delivery in refused] == [503, 503]
    seconds = scene.wait_promoted(scene.history[-1])
    guids = [delivery.guid for delivery in refused]
    wait_until(lambda: are_stored(scene, guids), what="the refused deliveries")
    return seconds


@pytest.mark.parametrize(
    "trouble", [full_disk, pytest.param(locked_database, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "busy",
    [pytest.param(False, id="idle", marks=pytest.mark.slow), pytest.param(True, id="in a run")],
)
def test_what_cannot_be_kept_is_refused_and_found_later(scene, developer, say, trouble, busy):
    if busy:
        begin_slowly(scene)

    seconds = refused_and_found(scene, developer, trouble)

    words = f"{trouble.__name__}{' in a run' if busy else ''}"
    say(f"{words}: all promoted and told {seconds:.1f} s after its end")
    scene.check()


@pytest.mark.slow
def test_a_database_that_is_held_for_longer_than_anybody_waits(scene, developer, say):
    begin_slowly(scene)

    @contextlib.contextmanager
    def held_for_long(scene):
        with locked_database(scene):
            since = scene.log_size()
            yield
            wait_until(lambda: scene.said("periodic.failed", since), what="the end of a wait")

    seconds = refused_and_found(scene, developer, held_for_long)

    say(f"a database held for half a minute: all promoted {seconds:.1f} s after its end")
    scene.check()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with room for little; only root may make one."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(path))
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    yield path
    subprocess.run(("umount", "--lazy", str(path)), check=True)


@pytest.mark.slow
def test_a_file_system_without_room_is_no_end(own_scene, small_disk, tmp_path, say):
    scene = own_scene
    scene.log = small_disk / "service.log"
    scene.start(BRICKPUSH_DATABASE_URL=f"sqlite:///{small_disk}/brickpush.sqlite")
    developer = Developer(scene.sandbox, tmp_path / "clone")
    scene.wait_promoted(scene.push())
    ballast = small_disk / "ballast"

    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 512)
    statuses = {scene.push_as(developer).status_code for _ in range(20)}
    ballast.unlink()
    seconds = scene.wait_promoted(scene.history[-1])

    say(f"a full file system: answers {statuses}, all promoted {seconds:.1f} s after its end")
    assert 503 in statuses
    assert statuses <= {202, 503}
    scene.check()
