from __future__ import annotations

import stat

import pytest
from builders import a_folder

from hooks.workspaces.folder_cache import FolderCache
from promotion.discovery import Scan, UnreadablePath

SEEN = Scan((a_folder(), a_folder(id=2, branch=None)), (UnreadablePath("/Users", "gone"),))


def test_what_was_seen_is_there_again_and_for_its_owner_only(tmp_path):
    cache = FolderCache(tmp_path / "deep" / "folders.json")

    cache.save(SEEN)

    assert cache.load() == SEEN
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"form": 99}',
        '{"form": 1, "folders": [], "blind_spots": []}',
        '{"form": 2, "folders": [{"x": 1}]}',
        "\x00",
    ],
)
def test_a_file_of_another_form_is_as_if_there_were_none(tmp_path, text):
    path = tmp_path / "folders.json"
    path.write_text(text)

    assert FolderCache(path).load() is None


def test_a_place_that_cannot_be_written_is_not_remembered(tmp_path):
    (tmp_path / "file").write_text("")
    cache = FolderCache(tmp_path / "file" / "folders.json")

    cache.save(SEEN)

    assert cache.load() is None


def test_each_identity_has_a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    names = {
        FolderCache.of("https://dev", identity, roots).path
        for identity in ("ada", "alan")
        for roots in (("/Repos",), ("/Users",))
    }

    assert len(names) == 4
