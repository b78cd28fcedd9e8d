"""Check runs: GitHub's limits on what may be written, and the store of what was."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
PLAIN_FIELDS = ("name", "details_url", "external_id", "started_at", "completed_at")


class CheckRunInvalidError(Exception):
    """What was sent is not a check run; *field* names the part, *code* GitHub's reason."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.code = code


@dataclass(frozen=True)
class CheckRun:
    """A check run as the App last wrote it."""

    id: int
    repository_id: int
    repository: str  # full name
    head_sha: str
    check_suite_id: int
    name: str
    started_at: str
    details_url: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: tuple[Mapping[str, object], ...] = ()
    actions: tuple[Mapping[str, object], ...] = ()


@dataclass
class CheckRuns:
    """Every check run, and the suite that those of one commit share."""

    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(900_001))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _by_id: dict[int, CheckRun] = field(default_factory=dict)
    _suites: dict[tuple[int, str], int] = field(default_factory=dict)

    def create(
        self,
        fields: Mapping[str, object],
        *,
        repository_id: int,
        repository: str,
        now: str,
        details_url: str,
    ) -> CheckRun:
        """Store a new check run from *fields*, which must be valid."""
        head_sha = str(fields["head_sha"])
        with self._lock:
            key = (repository_id, head_sha)
            suite_id = self._suites.setdefault(key, 300_001 + len(self._suites))
            blank = CheckRun(
                id=next(self._ids),
                repository_id=repository_id,
                repository=repository,
                head_sha=head_sha,
                check_suite_id=suite_id,
                name=str(fields["name"]),
                started_at=now,
                details_url=details_url,
            )
            self._by_id[blank.id] = written(blank, fields, now)
            return self._by_id[blank.id]

    def update(self, check_run_id: int, fields: Mapping[str, object], *, now: str) -> CheckRun:
        """Write valid *fields* over a check run."""
        with self._lock:
            self._by_id[check_run_id] = written(self._by_id[check_run_id], fields, now)
            return self._by_id[check_run_id]

    def find(self, check_run_id: int) -> CheckRun | None:
        return self._by_id.get(check_run_id)

    def all(self) -> list[CheckRun]:
        """Return every check run, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def on_commit(self, repository_id: int, head_sha: str) -> list[CheckRun]:
        """Return the check runs of one commit, newest first."""
        where = (repository_id, head_sha)
        return [run for run in self.all()[::-1] if (run.repository_id, run.head_sha) == where]


def written(run: CheckRun, fields: Mapping[str, object], now: str) -> CheckRun:
    """Return *run* with valid *fields* written over it. Pure."""
    given = {name: fields[name] for name in PLAIN_FIELDS if fields.get(name) is not None}
    changed: CheckRun = replace(run, **given)  # type: ignore[arg-type]  # validated as text
    status = fields.get("status")
    if (conclusion := fields.get("conclusion")) is not None:
        changed = replace(
            changed,
            status="completed",
            conclusion=str(conclusion),
            completed_at=str(fields.get("completed_at") or now),
        )
    elif isinstance(status, str):
        changed = replace(changed, status=status, conclusion=None, completed_at=None)
    if isinstance(actions := fields.get("actions"), list):
        changed = replace(changed, actions=tuple(actions))
    if isinstance(output := fields.get("output"), dict):
        texts = {name: output[name] for name in ("title", "summary", "text") if name in output}
        more = tuple(output.get("annotations", ()))
        changed = replace(changed, **texts, annotations=changed.annotations + more)
    return changed


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
