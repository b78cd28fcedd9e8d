"""The credential slot beside SQLite's file, as the service and a command see it."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from threads import at_once

from github_app.worker.credential_lock_files import SlotFiles
from promotion.credential_lock import Patience, SlotError
from promotion.credential_slot import CredentialSlot
from promotion.git_credential import GitToken

ROOT = Path(__file__).parents[2]
SLOT = "https://adb-1.azuredatabricks.net a-principal github"
SECONDS = 30
HOLD = """
import sys
from pathlib import Path
from github_app.worker.credential_lock_files import SlotFiles
keeper = SlotFiles(Path(sys.argv[1]), sys.argv[2])
with keeper.held_by(sys.argv[3]), keeper.storing():
    print("in", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "brickpush.sqlite.slots"


@pytest.fixture
def process(directory):
    """Return a function that runs another process which holds the slot, and stores."""
    with contextlib.ExitStack() as stack:

        def start(holder, slot=SLOT):
            command = (sys.executable, "-c", HOLD, str(directory), slot, holder)
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            running = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
            stack.enter_context(running)
            stack.callback(running.kill)
            assert running.stdout.readline() == "in\n"
            return running

        yield start


class Source:
    def __init__(self, holder="installation 1"):
        self.holder = holder
        self.minted = []

    def mint(self, repositories):
        self.minted.append(set(repositories))
        return GitToken("x-access-token", f"{self.holder}/{len(self.minted)}", 3600.0)


class Credentials:
    def __init__(self):
        self.log = []

    def list_git_credentials(self):
        return []

    def create_git_credential(self, *, provider, username, token):
        self.log.append(token)


def ensure(lock, credentials, source, repository="octo-org/etl"):
    slot = CredentialSlot(lambda: 0.0, lock)
    return slot.ensure(
        credentials, source, provider="gitHub", repository=repository, others=frozenset()
    )


def refused(lock, holder):
    """Return for whom a holder who may not wait long is refused, None where it is not."""
    told = []
    try:
        with lock.held_by(holder, Patience(0.3, told.append)):
            return None
    except SlotError:
        return told


def test_another_process_shares_the_slot_with_the_same_holder_only(directory, process):
    process("installation 1")
    lock = SlotFiles(directory, SLOT)

    assert refused(lock, "installation 1") is None
    assert refused(lock, "installation 2") == ["installation 1"]


def test_another_slot_is_free(directory, process):
    process("installation 1")

    assert refused(SlotFiles(directory, f"{SLOT}enterprise"), "installation 2") is None


def test_who_waits_goes_on_when_the_other_process_ends_however_it_ends(directory, process):
    other, lock = process("installation 1"), SlotFiles(directory, SLOT)
    told, came = threading.Event(), threading.Event()

    def come():
        patience = Patience(SECONDS, lambda _: told.set())
        with lock.held_by("installation 2", patience), lock.storing():
            came.set()

    def end():
        assert told.wait(SECONDS)
        other.kill()

    at_once(come, end)

    assert came.is_set()
    assert [path.name for path in directory.glob("*.use.*")] == []


def test_nobody_passes_a_process_that_waits(directory):
    service, command, other = (SlotFiles(directory, SLOT) for _ in range(3))
    waits, came = threading.Event(), []

    def wait_for_it():
        with command.held_by("installation 2", Patience(SECONDS, lambda _: waits.set())):
            came.append("command")

    with service.held_by("installation 1"):
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        assert waits.wait(SECONDS)
        late = refused(other, "installation 1"), refused(service, "installation 1")
    thread.join(SECONDS)

    assert late == (["installation 1"], ["installation 1"])
    assert came == ["command"]
    assert refused(service, "installation 1") is None


def test_one_process_shares_with_itself_and_takes_turns_between_holders(directory):
    lock, together = SlotFiles(directory, SLOT), threading.Barrier(3, timeout=SECONDS)

    def promote():
        with lock.held_by("installation 1"):
            together.wait()
            assert refused(lock, "installation 2") == ["installation 1"]

    at_once(promote, promote, promote)

    assert refused(lock, "installation 2") is None


def test_what_another_process_stored_is_not_taken_for_ours(directory):
    service, command = SlotFiles(directory, SLOT), SlotFiles(directory, SLOT)
    credentials, ours, theirs = Credentials(), Source(), Source("installation 2")
    first = ensure(service, credentials, ours), ensure(service, credentials, ours)

    ensure(command, credentials, theirs)
    again = ensure(service, credentials, ours)

    assert first == (1, 1)
    assert again == 2
    assert credentials.log == ["installation 1/1", "installation 2/1", "installation 1/2"]
    assert command.stored() is None


def test_what_another_process_may_have_stored_is_not_taken_for_ours(directory):
    service, command = SlotFiles(directory, SLOT), SlotFiles(directory, SLOT)
    credentials = Credentials()
    ensure(service, credentials, Source())

    class Broken(Credentials):
        def create_git_credential(self, **_):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        ensure(command, Broken(), Source("installation 2"))

    assert service.stored() is None


def test_a_refused_credential_is_stored_anew(directory):
    lock, credentials, source = SlotFiles(directory, SLOT), Credentials(), Source()
    slot = CredentialSlot(lambda: 0.0, lock)
    number = ensure(lock, credentials, source)

    slot.forget(number)
    ensure(lock, credentials, source)
    slot.forget(number)
    ensure(lock, credentials, source)

    assert credentials.log == ["installation 1/1", "installation 1/2"]


def test_only_one_process_stores_at_a_time(directory, process):
    other, lock = process("installation 1"), SlotFiles(directory, SLOT)
    order = []

    def store():
        with lock.storing():
            order.append("stores")

    def end():
        order.append("the other ends")
        other.communicate("\n", timeout=SECONDS)

    thread = threading.Thread(target=store)
    thread.start()
    thread.join(0.5)
    end()
    thread.join(SECONDS)

    assert order == ["the other ends", "stores"]


def test_the_files_are_their_owners_only_and_hold_nothing_to_steal(directory):
    lock, credentials, source = SlotFiles(directory, SLOT), Credentials(), Source()
    with lock.held_by("installation 1"):
        ensure(lock, credentials, source)
        paths = [directory, *directory.iterdir()]
        modes = {stat.S_IMODE(path.stat().st_mode) for path in paths}
        texts = [path.read_text() for path in paths[1:]]

    assert modes == {0o700, 0o600}
    assert not [text for text in texts if "installation" in text or "octo" in text]


def test_a_directory_that_can_not_be_used_is_said_with_what_to_do(tmp_path):
    (tmp_path / "in the way").write_text("")
    lock = SlotFiles(tmp_path / "in the way", SLOT)

    with pytest.raises(SlotError, match="can't be used") as caught, lock.held_by("h"):
        pass

    assert "the user that the service runs as" in caught.value.next_step


@pytest.mark.parametrize("holder", ["installation 1", "a.b/c%20-1 ü", ".."])
def test_any_holders_name_is_told_as_it_is(directory, holder):
    with SlotFiles(directory, SLOT).held_by(holder):
        assert refused(SlotFiles(directory, SLOT), "another") == [holder]
