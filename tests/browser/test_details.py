"""The page of details in a real browser."""

from __future__ import annotations

import contextlib

import pytest
from builders import a_decision, a_folder
from details_pages import Pages, a_report, an_outcome
from migrated import sqlite_with_tables
from variants import slow_after

from github_app.storage import database
from promotion.discovery import UnreadablePath
from promotion.model import Conclusion

LONG = "/Users/ada.lovelace@octo.example/" + "a-directory-with-a-long-name/" * 4 + "etl"


@pytest.fixture
def link(tmp_path):
    url = sqlite_with_tables(tmp_path / "brickpush.sqlite")
    pages = Pages(database.open_engine(url))
    told = a_report(
        an_outcome(),
        an_outcome(2, folder=a_folder(path=LONG), conclusion=Conclusion.FAILURE, reason="x" * 200),
        decisions=(a_decision(a_folder(id=5, path=LONG), destination=None, reason="follows dev"),),
        unreadable=(UnreadablePath(LONG, "the principal may not read it"),),
    )
    yield pages.record(told)
    pages.stop()


@pytest.mark.parametrize("scheme", slow_after(1, ["light", "dark"]))
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_obeys_its_own_policy(page, link, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})

    page.goto(link)

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("heading", name="1 of 2 Git folders").wait_for()
    dark = page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    assert dark == ("rgb(13, 17, 23)" if scheme == "dark" else "rgb(255, 255, 255)")
    first = page.get_by_role("row").nth(1)
    assert first.get_by_role("link").inner_text() == LONG


def test_the_page_runs_no_script_that_came_into_it(browser, link):
    with contextlib.closing(browser.new_page()) as page:  # not `page`: complaints are expected
        page.goto(link)

        page.evaluate(
            """() => {
                window.refused = 0;
                document.addEventListener('securitypolicyviolation', () => { window.refused += 1; });
                const script = document.createElement('script');
                script.textContent = 'window.cameIn = true';
                document.body.append(script);
                const image = document.createElement('div');
                image.innerHTML = '<img src="data:," onerror="window.cameIn = true">';
                document.body.append(image);
            }"""
        )

        page.wait_for_function("window.cameIn || window.refused >= 2")
        assert page.evaluate("window.cameIn") is None


def test_the_page_is_read_and_walked_through_without_a_mouse(page, link):
    page.goto(link)

    page.get_by_role("link", name="1 not readable").focus()
    page.keyboard.press("Enter")

    page.wait_for_url(f"{link}#not-readable")
    headers = page.get_by_role("columnheader").all_inner_texts()
    assert headers[:4] == ["How it ended", "Git folder", "Commit", "What happened"]
    page.keyboard.press("Tab")
    assert page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle") != "none"
