"""The answers of REST that are errors, in GitHub's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse

DOCUMENTATION = "https://docs.github.com/rest"


class ApiError(Exception):
    """An answer that is an error, in GitHub's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message)
        body: dict[str, object] = {
            "message": message,
            "documentation_url": DOCUMENTATION,
            "status": str(status),
        }
        if errors:
            body["errors"] = list(errors)
        if url is not None:
            body["url"] = url
        self.response = JSONResponse(body, status, headers)


def not_found() -> ApiError:
    """Return the error for what does not exist, or must not be known to exist."""
    return ApiError(404, "Not Found")


def invalid(resource: str, field: str, message: str, code: str = "invalid") -> ApiError:
    """Return the error for a field that GitHub does not take."""
    problem = {"resource": resource, "field": field, "code": code, "message": message}
    return ApiError(422, "Validation Failed", errors=[problem])
