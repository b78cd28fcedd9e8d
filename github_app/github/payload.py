"""Read and validate fields of a webhook payload: presence, type and size. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from promotion.errors import PromotionError

MAX_TEXT_BYTES = 1000  # of one field; GitHub limits a ref to 255, PostgreSQL a key to 2704
MAX_ID = 2**63 - 1

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}$)[A-Za-z0-9._-]+", re.ASCII)
# Not allowed in a ref (git check-ref-format); some of it has a meaning in a URL.
_NO_REF = re.compile(r"[\0-\x1f\x7f~^:?*\[\\]|\.\.|//|/\.|@\{|\.$|\.lock(?:/|$)")
_Kind = TypeVar("_Kind", str, int, bool)


class PayloadError(PromotionError):
    """The body is not what GitHub sends; *field* is the invalid part."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


def optional(payload: Mapping[str, object], path: str, kind: type[_Kind]) -> _Kind | None:
    """Return the value at *path*; None if it or its parent is absent or null."""
    value: object = payload
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise PayloadError(path, "is missing")
        value = value.get(name)
    if value is None:
        return None
    if type(value) is not kind:  # not isinstance: True is an int
        raise PayloadError(path, f"must be of type {kind.__name__}")
    if isinstance(value, str):
        _check_text(path, value)
    return value


def required(payload: Mapping[str, object], path: str, kind: type[_Kind]) -> _Kind:
    """Return the value at *path*, which must be present."""
    value = optional(payload, path, kind)
    if value is None:
        raise PayloadError(path, "is missing")
    return value


def _check_text(path: str, value: str) -> None:
    """Reject what a database can't store: NUL, lone surrogates, very long texts."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise PayloadError(path, "is not valid Unicode") from exc
    if "\0" in value or size > MAX_TEXT_BYTES:
        raise PayloadError(path, f"must be at most {MAX_TEXT_BYTES} bytes without NUL")


def text(payload: Mapping[str, object], path: str) -> str:
    """Return the text at *path*, which must not be empty."""
    value = required(payload, path, str)
    if not value:
        raise PayloadError(path, "is empty")
    return value


def sha(payload: Mapping[str, object], path: str) -> str:
    """Return the commit SHA at *path*."""
    value = required(payload, path, str)
    if not _SHA.fullmatch(value):
        raise PayloadError(path, "must be 40 or 64 lower-case hex digits")
    return value


def is_full_name(value: str) -> bool:
    """Return whether *value* is OWNER/NAME, without characters that have a meaning in a URL."""
    return _FULL_NAME.fullmatch(value) is not None


def full_name(payload: Mapping[str, object], path: str) -> str:
    """Return the repository's full name at *path*; it becomes part of URLs."""
    value = text(payload, path)
    if not is_full_name(value):
        raise PayloadError(path, "must be OWNER/NAME")
    return value


def ref(payload: Mapping[str, object], path: str) -> str:
    """Return the full name of the branch or tag at *path*."""
    value = text(payload, path)
    if not value.startswith("refs/") or value.endswith("/"):
        raise PayloadError(path, "must start with refs/ and contain a name")
    if _NO_REF.search(value):
        raise PayloadError(path, "is not a name that git allows")
    return value


def identifier(payload: Mapping[str, object], path: str) -> int:
    """Return the id at *path*."""
    number = required(payload, path, int)
    if not 0 < number <= MAX_ID:
        raise PayloadError(path, "must be a positive 64-bit number")
    return number
