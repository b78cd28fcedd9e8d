"""GitHub's limits on what may be written to a check run. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.github.state.check_runs import PLAIN_FIELDS

MAX_TEXT = 65_535  # characters of a summary or a text
MAX_ACTIONS = 3
MAX_ANNOTATIONS = 50  # in one request
ACTION_LENGTHS = {"label": 20, "description": 40, "identifier": 20}
ANNOTATION_LENGTHS = {"message": 65_536, "raw_details": 65_536, "title": 255}
ANNOTATION_REQUIRED = ("path", "start_line", "end_line", "annotation_level", "message")
ANNOTATION_LEVELS = ("notice", "warning", "failure")
STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "skipped",
    "success",
    "timed_out",
)


class CheckRunInvalidError(Exception):
    """What was sent is not a check run; *field* names the part, *code* GitHub's reason."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.code = code


def validate(fields: Mapping[str, object], *, creating: bool) -> None:
    """Raise CheckRunInvalidError unless GitHub would take *fields*. Pure."""
    for name in (*PLAIN_FIELDS, "head_sha", "status", "conclusion"):
        required = creating and name in ("name", "head_sha")
        _text(fields, name, required=required)
    _member(fields, "status", STATUSES)
    _member(fields, "conclusion", CONCLUSIONS)
    finished = fields.get("status") == "completed" or fields.get("completed_at") is not None
    if finished and fields.get("conclusion") is None:
        raise CheckRunInvalidError("conclusion", "is required with completed", "missing_field")
    details_url = fields.get("details_url")
    if isinstance(details_url, str) and not details_url.startswith(("http://", "https://")):
        raise CheckRunInvalidError("details_url", "must use http or https scheme")
    if (output := fields.get("output")) is not None:
        _validate_output(output, creating=creating)
    _validate_actions(fields.get("actions"))


def _validate_output(output: object, *, creating: bool) -> None:
    if not isinstance(output, dict):
        raise CheckRunInvalidError("output", "is not an object")
    _text(output, "title", required=creating, within="output.")
    _text(output, "summary", required=True, limit=MAX_TEXT, within="output.")
    _text(output, "text", limit=MAX_TEXT, within="output.")
    annotations = output.get("annotations", [])
    if not isinstance(annotations, list) or len(annotations) > MAX_ANNOTATIONS:
        raise CheckRunInvalidError(
            "output.annotations", f"exceeds a maximum quantity of {MAX_ANNOTATIONS}"
        )
    for annotation in annotations:
        _validate_annotation(annotation)


def _validate_annotation(annotation: object) -> None:
    where = "output.annotations."
    if not isinstance(annotation, dict):
        raise CheckRunInvalidError("output.annotations", "holds what is not an object")
    for name in ANNOTATION_REQUIRED:
        if annotation.get(name) is None:
            raise CheckRunInvalidError(where + name, "wasn't supplied", "missing_field")
    _member(annotation, "annotation_level", ANNOTATION_LEVELS, within=where)
    for name, limit in ANNOTATION_LENGTHS.items():
        _text(annotation, name, limit=limit, within=where)


def _validate_actions(actions: object) -> None:
    if actions is None:
        return
    if not isinstance(actions, list) or len(actions) > MAX_ACTIONS:
        raise CheckRunInvalidError("actions", f"exceeds a maximum quantity of {MAX_ACTIONS}")
    for action in actions:
        if not isinstance(action, dict):
            raise CheckRunInvalidError("actions", "holds what is not an object")
        for name, limit in ACTION_LENGTHS.items():
            _text(action, name, required=True, limit=limit, within="actions.")


def _text(
    fields: Mapping[str, object],
    name: str,
    *,
    required: bool = False,
    limit: int | None = None,
    within: str = "",
) -> None:
    value = fields.get(name)
    if value is None or value == "":
        if required:
            raise CheckRunInvalidError(within + name, f"{name} wasn't supplied", "missing_field")
    elif not isinstance(value, str):
        raise CheckRunInvalidError(within + name, f"{name} is not a string")
    elif limit is not None and len(value) > limit:
        message = f"Only {limit} characters are allowed; {len(value)} were supplied."
        raise CheckRunInvalidError(within + name, message)


def _member(
    fields: Mapping[str, object], name: str, allowed: tuple[str, ...], *, within: str = ""
) -> None:
    value = fields.get(name)
    if value is not None and value not in allowed:
        raise CheckRunInvalidError(within + name, f"{value!r} is not a member of {list(allowed)}")
