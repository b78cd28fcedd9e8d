"""The page of details in front of recorded reports; tests/loop has it in the whole service."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import requests
from builders import a_decision, a_folder, a_push
from details_pages import HOST, Pages, a_pending_push, a_report, an_outcome, words

from github_app.reports import render
from github_app.reports.details_link import Links, Page, opens
from github_app.server.details_page import PACKAGE
from github_app.storage.branches import Cause
from promotion.discovery import UnreadablePath
from promotion.model import Conclusion
from promotion.workspace import Report


@pytest.fixture
def pages(tables):
    opened = Pages(tables)
    yield opened
    opened.stop()


def test_the_worst_comes_first_with_its_next_step(pages):
    failed = an_outcome(2, conclusion=Conclusion.FAILURE, after=None, reason="no access")
    edited = an_outcome(3, conclusion=Conclusion.ACTION_REQUIRED, next_step="discard the edits")
    ruled = an_outcome(4, rule="rule 2 of dev", conclusion=Conclusion.SKIPPED)

    told = words(pages.show(a_report(an_outcome(), ruled, edited, failed)))

    assert "✗ 1 of 3 Git folders at 2222222 (failure)" in told
    assert "1 failure 1 action required 1 success 1 skipped" in told
    places = [told.index(f"/Repos/team-{number}/etl") for number in (2, 3, 1, 4)]
    assert places == sorted(places)
    assert "✗ failure /Repos/team-2/etl 1111111 no access" in told
    assert "Next step: discard the edits" in told
    assert "(rule 2 of dev)" in told
    assert "Ended 2023-11-14 22:13:20 UTC" in told


def test_what_stays_and_what_was_not_seen_is_told_with_its_reason(pages):
    moving = a_decision()
    unchanged = a_decision(a_folder(id=5, path="/Repos/b"), destination=None, reason="follows dev")
    spot = UnreadablePath("/Users/grace", "the principal may not read it")

    told = words(pages.show(a_report(decisions=(moving, unchanged), unreadable=(spot,))))

    assert "1 success 1 left unchanged 1 not readable" in told
    assert "Left unchanged Git folder Why /Repos/b follows dev" in told
    assert "/Users/grace the principal may not read it" in told


def test_a_workspace_that_stopped_says_why_and_what_to_do(pages):
    stopped = Report("dev", HOST, problem="no answer within 65 s", next_step="see the status page")

    told = words(pages.show(stopped))

    assert "Not promoted: the workspace could not be read" in told
    assert "no answer within 65 s Next step: see the status page" in told


def test_a_promotion_that_no_push_told_says_so(pages):
    pushed = replace(a_pending_push(), cause=Cause.RECONCILE)

    assert render.CAUSES[Cause.RECONCILE] in words(pages.show(a_report(), pushed))


def test_a_run_that_is_repeated_replaces_what_it_told(pages):
    pages.record(a_report(an_outcome(conclusion=Conclusion.FAILURE)))

    told = words(pages.show(a_report(an_outcome(2))))

    assert "/Repos/team-1/etl" not in told
    assert "/Repos/team-2/etl" in told


def test_the_page_has_every_line_for_which_the_check_run_has_no_room(pages):
    told = a_report(
        *(an_outcome(number) for number in range(1500)),
        decisions=[
            a_decision(a_folder(id=number, path=f"/Repos/s-{number}"), destination=None)
            for number in range(1500)
        ],
    )

    link = pages.record(told)
    run = render.finished(a_push(), told, details_url=link)
    page = requests.get(link, timeout=30)

    assert run.details_url == link
    assert len(run.summary) < render.SUMMARY_LIMIT
    cut = re.findall(r"^… and (\d+) more: see \[the details page\]\((.*)\)\.$", run.summary, re.M)
    assert [url for _, url in cut] == [link, link]
    assert all(int(count) > 500 for count, _ in cut)
    assert page.text.count("<tr>") == 2 + 3000
    assert len(set(re.findall(r"/Repos/team-\d+/etl", page.text))) == 1500


def test_without_a_page_the_cut_check_run_names_the_setting():
    told = a_report(*(an_outcome(number) for number in range(1500)))

    summary = render.finished(a_push(), told).summary

    assert summary.splitlines()[-1].endswith(
        "more. Set `public_url` in brickpush.toml, and the check links a page with every line."
    )


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param('<script>alert(1)</script>"><img src=x onerror=alert(1)>', id="HTML"),
        pytest.param("{{ 7 * 7 }}{% raw %}", id="a template"),
        pytest.param("a\u202egpj.exe\u2066\x1b[2J\nb", id="what steers the eye"),
        pytest.param("javascript:alert(1)", id="an address"),
    ],
)
def test_hostile_words_are_text(pages, hostile):
    folder = a_folder(path=f"/Repos/{hostile}")
    told = a_report(
        an_outcome(folder=folder, reason=hostile, next_step=hostile, rule=hostile),
        decisions=(a_decision(folder, destination=None, reason=hostile),),
        unreadable=(UnreadablePath(hostile, hostile),),
    )

    page = pages.show(told, a_pending_push(ref=f"refs/heads/{hostile}"))

    assert page.status_code == 200
    tags = set(re.findall(r"<([a-z0-9]+)", page.text))
    assert not tags & {"script", "img"}
    assert {link.partition(":")[0] for link in re.findall(r'href="([^"#]+)', page.text)} <= {
        "https",
        "data",
        "/promotions/details.css",
    }
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page.text)
    shown = "".join(letter if letter.isprintable() else "?" for letter in " ".join(hostile.split()))
    assert words(page).count(shown) >= 6


def test_a_workspace_may_have_any_name(pages):
    told = Report("dev / ä?#%2F", HOST, outcomes=(an_outcome(),))

    page = pages.show(told)

    assert page.status_code == 200
    assert "Brickpush dev / ä?#%2F" in words(page)


def test_a_database_that_does_not_answer_is_said_without_more(pages, tables):
    link = pages.record(a_report())
    with tables.begin() as tx:
        tx.exec_driver_sql("drop table outcomes")

    page = requests.get(link, timeout=30)

    assert page.status_code == 503
    assert "The database can't be read now" in words(page)
    assert page.headers["Cache-Control"] == "no-store"


def test_the_styles_are_a_file_of_ours(pages):
    styles = requests.get(f"{pages.url}/promotions/details.css", timeout=10)

    assert styles.headers["Content-Type"].startswith("text/css")
    assert styles.text == (PACKAGE / "static" / "details.css").read_text()


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_can_be_read(scheme):
    styles = (PACKAGE / "static" / "details.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", styles, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", light if scheme == "light" else dark))

    contrasts = {
        name: (max(one, card) + 0.05) / (min(one, card) + 0.05)
        for name in ("text", "muted", "green", "red", "amber", "blue")
        for one, card in [(luminance(colours[name]), luminance(colours["card"]))]
    }

    assert min(contrasts.values()) > 4.5, contrasts


A_PAGE = Page("x" * 32, 7, "2" * 40, "refs/heads/main", "dev")


def key_to(page, *secrets):
    return Links("", secrets or ["secret"]).to(page).url.rpartition("/")[2]


def test_the_first_secret_signs():
    assert key_to(A_PAGE, "new") == key_to(A_PAGE, "new", "old") != key_to(A_PAGE, "old")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"public_id": "y" * 32}, id="another report"),
        pytest.param({"repository_id": 8}, id="another repository"),
        pytest.param({"commit": "3" * 40}, id="another commit"),
        pytest.param({"ref": "refs/tags/main"}, id="another ref"),
        pytest.param({"workspace": "prod"}, id="another workspace"),
    ],
)
def test_a_key_opens_the_page_that_it_was_made_for_and_no_other(changes):
    digest = Links("", ["secret"]).to(A_PAGE).digest

    assert opens(key_to(A_PAGE), digest)
    assert not opens(key_to(replace(A_PAGE, **changes)), digest)


@pytest.mark.parametrize("key", ["", "\udcff é", "0" * 64])
def test_no_other_key_opens_a_page_nor_one_that_has_no_link(key):
    assert not opens(key, Links("", ["secret"]).to(A_PAGE).digest)
    assert not opens(key_to(A_PAGE), None)


def test_an_empty_secret_signs_nothing():
    with pytest.raises(ValueError, match="empty secret"):
        key_to(A_PAGE, "")


def test_a_rerun_keeps_the_page_of_its_commit(pages):
    link = pages.record(a_report(an_outcome(conclusion=Conclusion.FAILURE)))
    again = pages.record(a_report(an_outcome()), a_pending_push(seq=9))

    assert again == link
    assert "✓ 1 of 1 Git folder at 2222222 (success)" in words(requests.get(link, timeout=30))


def test_two_branches_at_one_commit_have_a_page_each(pages):
    main = pages.record(a_report(an_outcome(conclusion=Conclusion.FAILURE)))
    dev = pages.record(a_report(an_outcome()), a_pending_push(seq=8, ref="refs/heads/dev"))

    told = [words(requests.get(link, timeout=30)) for link in (main, dev)]

    assert "✗ 0 of 1 Git folder at 2222222 (failure)" in told[0]
    assert "✓ 1 of 1 Git folder at 2222222 (success)" in told[1]


def test_what_somebody_must_mend_comes_first_among_what_does_not_move(pages):
    blocked = a_decision(
        a_folder(id=6, path="/Users/z"), destination=None, reason="may not manage it", blocked=True
    )
    unchanged = a_decision(a_folder(id=5, path="/Repos/b"), destination=None, reason="follows dev")

    told = words(pages.show(a_report(decisions=(unchanged, blocked))))

    assert told.index("/Users/z may not manage it") < told.index("/Repos/b follows dev")
    assert "? 1 of 2 Git folders at 2222222 (neutral)" in told
