from __future__ import annotations

import queue
import threading

import pytest

from promotion.credential_lock import OneProcess, Patience, SlotError

SECONDS = 20


class Comer:
    """Somebody who comes for a slot in a thread of its own, and says how far they are."""

    def __init__(self, lock, holder, seconds=float("inf")):
        self.said = queue.Queue()
        self._credential_lock, self._holder = lock, holder
        self._patience = Patience(seconds, lambda other: self.said.put(f"waits for {other}"))
        self._may_leave = threading.Event()
        self._thread = threading.Thread(target=self._come)
        self._thread.start()

    def _come(self):
        try:
            with self._credential_lock.held_by(self._holder, self._patience):
                self.said.put("in")
                self._may_leave.wait(SECONDS)
        except SlotError as exc:
            self.said.put(str(exc))

    def next(self):
        return self.said.get(timeout=SECONDS)

    def leave(self):
        self._may_leave.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


def test_another_holder_waits_and_is_told_for_whom():
    lock = OneProcess()
    one = Comer(lock, "installation 1")
    assert one.next() == "in"

    other = Comer(lock, "installation 2")

    assert other.next() == "waits for installation 1"
    one.leave()
    assert other.next() == "in"
    other.leave()


def test_the_slot_is_free_only_when_the_last_of_its_holder_leaves():
    lock = OneProcess()
    first, last = Comer(lock, "installation 1"), Comer(lock, "installation 1")
    assert [first.next(), last.next()] == ["in", "in"]
    first.leave()

    other = Comer(lock, "installation 2")

    assert other.next() == "waits for installation 1"
    last.leave()
    assert other.next() == "in"
    other.leave()


def test_who_comes_after_one_that_waits_does_not_pass_it():
    lock = OneProcess()
    one = Comer(lock, "installation 1")
    assert one.next() == "in"
    other = Comer(lock, "installation 2")
    assert other.next() == "waits for installation 1"

    late = Comer(lock, "installation 1")

    assert late.next() == "waits for installation 1"
    one.leave()
    assert other.next() == "in"
    assert late.said.empty()
    other.leave()
    assert late.next() == "in"
    late.leave()


def test_who_gives_up_says_so_and_shuts_nobody_out():
    lock = OneProcess()
    one = Comer(lock, "installation 1")
    assert one.next() == "in"

    other = Comer(lock, "installation 2", seconds=0.05)

    assert other.next() == "waits for installation 1"
    assert other.next() == (
        "promotions with the token of installation 1 use the principal's Git credential, and did "
        "not end within 0.05 s"
    )
    other.leave()
    also = Comer(lock, "installation 1")
    assert also.next() == "in"
    also.leave()
    one.leave()


def test_no_patience_is_needed_where_the_slot_is_free():
    told = []

    with OneProcess().held_by("installation 1", Patience(0.0, told.append)):
        pass

    assert told == []


def test_one_who_may_not_wait_gives_up_at_once():
    lock = OneProcess()
    with (
        lock.held_by("installation 1"),
        pytest.raises(SlotError, match="installation 1") as caught,
        lock.held_by("installation 2", Patience(0.0)),
    ):
        pass

    assert "run this again" in caught.value.next_step
