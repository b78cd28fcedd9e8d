"""Webhooks that come late, out of order, twice, not at all, or from somebody who captured them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from sandbox.github.state.disorder import Disorder

REFS = [f"refs/heads/b{number}" for number in range(8)]


@pytest.fixture
def receive(hook):
    """Return a function that takes so many deliveries; each as (ref, GUID, was it signed)."""

    def take(story, count):
        taken = []
        for _ in range(count):
            headers, body = hook.receive()
            digest = hmac.new(story.github.webhook_secret.encode(), body, hashlib.sha256)
            signed = headers["x-hub-signature-256"] == f"sha256={digest.hexdigest()}"
            taken.append((json.loads(body)["ref"], headers["x-github-delivery"], signed))
        return taken

    return take


def push(story, hook, disorder):
    story.github.hook_url = hook.url
    story.github.disturb_deliveries(disorder)
    story.git("push", "-q", "origin", *(f"main:{ref}" for ref in REFS), cwd=story.work)


def logged(story):
    return sorted((one.guid, one.status, one.redelivery) for one in story.github.deliveries)


def test_usually_deliveries_come_once_and_in_order(story, hook, receive, until):
    push(story, hook, None)

    taken = receive(story, len(REFS))
    until(lambda: not story.github.delivers)

    assert [ref for ref, _, _ in taken] == REFS
    assert len(logged(story)) == len(REFS)


def test_several_threads_bring_each_in_any_order(story, hook, receive, until):
    hook.gate.clear()
    push(story, hook, Disorder(threads=4, seed=3))
    taken = receive(story, 4)  # none has been answered
    assert story.github.delivers

    hook.gate.set()
    taken += receive(story, 4)
    until(lambda: not story.github.delivers)

    assert sorted(ref for ref, _, _ in taken) == REFS
    assert [ref for ref, _, _ in taken] != REFS
    numbers = [one.id for one in story.github.deliveries]
    assert numbers == sorted(set(numbers))


def test_what_is_lost_stands_in_the_log_and_what_is_unheard_has_arrived(
    story, hook, receive, until
):
    push(story, hook, Disorder(lost=0.5, unheard=0.5, seed=1))
    until(lambda: len(logged(story)) == len(REFS) and not story.github.delivers)

    statuses = {guid: status for guid, status, _ in logged(story)}
    arrived = {guid: statuses[guid] for _, guid, _ in receive(story, hook.inbox.qsize())}

    assert 0 < len(arrived) < len(REFS)
    assert set(arrived.values()) == {"OK", "timed out"}
    assert {s for guid, s in statuses.items() if guid not in arrived} == {"timed out"}


def test_a_repeated_delivery_keeps_its_guid_and_a_replayed_one_has_a_strangers(
    story, hook, receive, until
):
    push(story, hook, Disorder(repeated=1.0, replayed=1.0, again_seconds=0.1))

    taken = receive(story, 3 * len(REFS))
    until(lambda: not story.github.delivers)

    known = {guid for guid, _, _ in logged(story)}
    assert all(signed for _, _, signed in taken)
    for ref in REFS:
        guids = [guid for one, guid, _ in taken if one == ref]
        assert len(guids) == 3
        assert sorted(guids.count(guid) for guid in set(guids)) == [1, 2]
        assert len(set(guids) - known) == 1  # GitHub does not know of the stranger's
    assert [again for _, _, again in logged(story)].count(True) == len(REFS)


def test_the_same_seed_has_the_same_fate_in_store():
    disorder = Disorder(seed=7, lost=0.3, repeated=0.3, replayed=0.3)
    fates = [disorder.fate(number) for number in range(50)]

    assert fates == [disorder.fate(number) for number in range(50)]
    assert fates != [Disorder(seed=8).fate(number) for number in range(50)]
    assert {fate.lost for fate in fates} == {True, False}
