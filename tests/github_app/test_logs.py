from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from github_app.runtime import logs

TOKEN = "ghs_123_eyJhbGciOi.eyJpc3MiOi.c2ln-_x"


@pytest.fixture(autouse=True)
def restored_logging():
    """Leave logging as it was: it belongs to the whole process."""
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level = root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def test_an_event_is_one_line_of_json():
    stream = io.StringIO()
    logs.configure(json=True, stream=stream)

    structlog.get_logger("ours").info("delivery.stored", guid="g-1")

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp")
    assert line == {"event": "delivery.stored", "guid": "g-1", "level": "info"}


@pytest.mark.parametrize("as_json", [True, False])
def test_no_token_reaches_the_log(as_json):
    stream = io.StringIO()
    logs.configure(json=as_json, stream=stream)

    structlog.get_logger().warning("odd", answer={"nested": [f"token {TOKEN}"]})
    try:
        raise ValueError(f"Authorization: Bearer {TOKEN}")
    except ValueError:
        logging.getLogger("requests").exception("it failed")

    assert "it failed" in stream.getvalue()
    assert "ghs_" not in stream.getvalue()
    assert "c2ln" not in stream.getvalue()


def test_libraries_log_warnings_in_the_same_shape():
    stream = io.StringIO()
    logs.configure(json=True, stream=stream)

    logging.getLogger("dbos").info("chatter")
    logging.getLogger("dbos").warning("a lost connection")

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "a lost connection"
