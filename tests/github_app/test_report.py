"""What a report concludes, and what its title counts."""

from __future__ import annotations

import pytest
from builders import NEW, NEWER, OLD, a_decision, a_folder, a_push
from details_pages import HOST, an_outcome

from github_app.reports import render
from promotion.model import Conclusion
from promotion.workspace import Report

SUCCESS, SKIPPED, NEUTRAL = Conclusion.SUCCESS, Conclusion.SKIPPED, Conclusion.NEUTRAL
CANCELLED, FAILURE = Conclusion.CANCELLED, Conclusion.FAILURE
BLOCKED = a_decision(a_folder(id=9), destination=None, reason="may not manage it", blocked=True)
UNCHANGED = a_decision(a_folder(id=8), destination=None, reason="follows dev")


def ended(*conclusions, decisions=(), after=NEW):
    outcomes = [
        an_outcome(number, conclusion=each, after=after if each is not FAILURE else OLD)
        for number, each in enumerate(conclusions)
    ]
    return Report("dev", HOST, outcomes=tuple(outcomes), decisions=decisions)


@pytest.mark.parametrize(
    ("told", "conclusion", "title"),
    [
        (ended(SUCCESS, SUCCESS), SUCCESS, "2 of 2 Git folders at 2222222"),
        (ended(SUCCESS, SKIPPED), SUCCESS, "1 of 1 Git folder at 2222222"),
        (ended(SUCCESS, after=NEWER), SUCCESS, "1 of 1 Git folder at 2222222 or newer"),
        (ended(SKIPPED, SKIPPED), NEUTRAL, "No Git folder moves for main"),
        (ended(), NEUTRAL, "No Git folder moves for main"),
        (ended(SUCCESS, NEUTRAL), NEUTRAL, "1 of 2 Git folders at 2222222"),
        (
            ended(CANCELLED, CANCELLED, after=NEWER),
            CANCELLED,
            "0 of 2 Git folders at 2222222: superseded by 3333333",
        ),
        (ended(CANCELLED, FAILURE, after=NEWER), FAILURE, None),
        (ended(SUCCESS, Conclusion.ACTION_REQUIRED), Conclusion.ACTION_REQUIRED, None),
        (ended(SUCCESS, Conclusion.TIMED_OUT), Conclusion.TIMED_OUT, None),
        (ended(SUCCESS, decisions=(BLOCKED,)), NEUTRAL, "1 of 2 Git folders at 2222222"),
        (ended(SUCCESS, decisions=(UNCHANGED,)), SUCCESS, "1 of 1 Git folder at 2222222"),
        (ended(decisions=(BLOCKED,)), NEUTRAL, "0 of 1 Git folder at 2222222"),
        (Report("dev", HOST, problem="no answer"), FAILURE, None),
    ],
)
def test_a_conclusion_says_no_more_than_what_was_read(told, conclusion, title):
    assert render.conclusion(told) is conclusion
    if title is not None:
        assert render.title(a_push(), told) == title


@pytest.mark.parametrize(
    ("told", "is_news"),
    [
        (ended(), False),
        (ended(decisions=(UNCHANGED,)), False),
        (ended(decisions=(BLOCKED,)), True),
        (ended(SKIPPED), True),
        (Report("dev", HOST, problem="no answer"), True),
    ],
)
def test_a_push_that_moves_nothing_is_no_news_unless_somebody_must_know_why(told, is_news):
    assert render.is_news(told) is is_news


@pytest.mark.parametrize("name", ["etl", "größe", "日本語のフォルダー"])
def test_a_summary_fits_by_bytes_and_is_cut_at_a_whole_line(name):
    outcomes = tuple(
        an_outcome(number, folder=a_folder(id=number, path=f"/Repos/{name}-{number}"))
        for number in range(1500)
    )
    spots = tuple(a_decision(a_folder(path=f"/Users/{name}"), destination=None) for _ in range(900))

    run = render.finished(a_push(), Report("dev", HOST, outcomes=outcomes, decisions=spots))

    assert len(run.summary.encode()) <= render.SUMMARY_LIMIT
    table = [line for line in run.summary.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in table)
    assert "… and " in run.summary


def test_a_text_is_cut_between_letters():
    assert render.cut("日本", 4) == "日"
    assert render.cut("ab", 4) == "ab"


def test_titles_stay_short_whatever_a_branch_is_called():
    push = a_push(ref=f"refs/heads/{'x' * 240}")

    assert len(render.started(push, "dev", [a_decision()]).title) <= render.MOST_TITLE
    assert len(render.title(push, ended())) <= render.MOST_TITLE
