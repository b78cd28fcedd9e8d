"""HTTP calls to the APIs: time-outs, verified TLS, errors as exceptions.

Only redirects within GitHub's API, which its clients must follow, are followed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError
from urllib3.util import Retry

from promotion.errors import ApiError, BrokenAnswerError, TimedOutError, UnreachableError
from promotion.redirects import MOST_HOPS, REPEATED, named_place, same_place
from promotion.safe_text import redact

CONNECT_SECONDS = 5.0
READ_SECONDS = 65.0  # ordinary Databricks endpoints time out near 60 s
POOL = 64  # connections kept open to one host
MESSAGE_LENGTH = 400  # characters of an API's own message that we quote
CODE_LENGTH = 100
USER_AGENT = "brickpush"
TLS_BROKE_OFF = "EOF occurred in violation"  # Python's message for it
MAY_HAVE_NO_BODY = ("PATCH", "PUT", "DELETE")  # a success of these may have an empty body


@dataclass(frozen=True)
class Answer:
    """A successful answer: its JSON (`{}` where it needs no body), and its headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Sender(Protocol):
    """Sends a call when it may be sent, and again after a retryable error, like a limiter."""

    def send(self, call: Callable[[], Answer], /) -> Answer: ...


class _Authorization(AuthBase):
    """Set the header as requests' own auth does, so that ~/.netrc can't replace it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def open_session(ca_path: str | None) -> requests.Session:
    """Return a session that keeps no cookies, follows no redirect and retries safe calls.

    A GET is retried up to three times after a connection error or a server error (500, 502,
    504), and once where its answer ended in the middle; every other method is sent once.
    `promotion.throttle` retries throttled calls (429, 503), more slowly.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = USER_AGENT
    if ca_path is not None:
        session.verify = ca_path
    retries = Retry(
        total=3,
        other=0,  # a broken TLS connection: urllib3 would send a PATCH again, too
        backoff_factor=0.3,
        status_forcelist=(500, 502, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
        redirect=False,
        respect_retry_after_header=False,
    )
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=POOL, max_retries=retries)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class Http:
    """Calls to one API, all under *base_url*, each with a fresh Authorization header."""

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session,
        authorization: Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        limiter: Sender | None = None,
        forget: Callable[[], None] | None = None,
        follows_redirects: bool = False,
    ) -> None:
        """*forget* drops a token that was not accepted; the call is then sent once more.

        With *follows_redirects*, a call is repeated at the address of a redirect within the same
        API: no token is ever sent to another host.
        """
        self.base_url = base_url.rstrip("/")
        self._session = session
        self._authorization = authorization
        self._headers = dict(headers or {})
        self._limiter = limiter
        self._forget = forget
        self._follows_redirects = follows_redirects
        # Proxies and CA bundle for this host, looked up once: requests would do it at each call,
        # and REQUESTS_CA_BUNDLE would override the session's own value.
        self._environment = session.merge_environment_settings(
            self.base_url, {}, False, session.verify, None
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = READ_SECONDS,
        check: Callable[[], None] | None = None,
    ) -> Answer:
        """Send one request and return its answer, or raise ApiError or UnreachableError.

        With a limiter, the call waits until it may be sent, and is retried where it was
        throttled. *check* is called directly before each attempt to send; it may raise.
        """
        url = f"{self.base_url}{path}"
        content = {"headers": {**self._headers, **(headers or {})}, "params": params, "json": json}
        for _ in range(MOST_HOPS):
            try:
                return self._call(method, url, read_seconds, content, check)
            except ApiError as exc:
                redirected = self._redirected(url, exc)
                if redirected is None:
                    raise
            if "?" in redirected:  # else the parameters must be sent again
                content["params"] = None
            url = redirected
        return self._call(method, url, read_seconds, content, check)

    def _call(
        self,
        method: str,
        url: str,
        read_seconds: float,
        content: dict[str, Any],
        check: Callable[[], None] | None,
    ) -> Answer:
        """Make one call; repeat it with a new token where the first is not accepted."""

        def send() -> Answer:
            if check is not None:
                check()
            return self._send(method, url, read_seconds, **content)

        try:
            return self._limited(send)
        except ApiError as exc:
            if exc.status != 401 or self._forget is None:
                raise
        self._forget()
        return self._limited(send)

    def _redirected(self, asked: str, answer: ApiError) -> str | None:
        """Return the address at which to repeat a redirected call; None where it must not be."""
        if not self._follows_redirects or answer.status not in REPEATED:
            return None
        return same_place(asked, answer.headers.get("Location", ""), self.base_url)

    def _limited(self, send: Callable[[], Answer]) -> Answer:
        return send() if self._limiter is None else self._limiter.send(send)

    def _send(self, method: str, url: str, read_seconds: float, **content: Any) -> Answer:
        call = f"{method} {url}"
        authorization = self._authorization() if self._authorization is not None else None
        try:
            auth = _Authorization(authorization) if authorization else None
            request = requests.Request(method, url, auth=auth, **content)
            prepared = self._session.prepare_request(request)
            try:
                response = self._transmit(prepared, read_seconds)
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.SSLError):
                if method != "GET":
                    raise
                response = self._transmit(prepared, read_seconds)
        except requests.exceptions.RequestException as exc:
            raise _no_answer(call, exc, read_seconds) from None
        if not 200 <= response.status_code < 300:
            raise _api_error(call, response)
        return Answer(response.status_code, _body(call, response), response.headers)

    def _transmit(
        self, request: requests.PreparedRequest, read_seconds: float
    ) -> requests.Response:
        return self._session.send(
            request,
            timeout=(CONNECT_SECONDS, read_seconds),
            allow_redirects=False,
            **self._environment,
        )


def _body(call: str, response: requests.Response) -> Any:
    """Return the JSON of a success; an HTML page in its place is an error, not a success."""
    if not response.content and response.request.method in MAY_HAVE_NO_BODY:
        return {}
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        raise BrokenAnswerError(
            f"{call} answered {response.status_code} without JSON: "
            "does something else answer in its place?"
        ) from None


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        return {}


def _no_answer(
    call: str, exc: requests.exceptions.RequestException, read_seconds: float
) -> UnreachableError:
    cause = exc.args[0] if exc.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(exc, requests.exceptions.ReadTimeout) or isinstance(cause, ReadTimeoutError):
        return TimedOutError(f"{call} gave no answer within {read_seconds:g} s")
    sent = isinstance(cause, ProtocolError) or TLS_BROKE_OFF in repr(cause)
    return (BrokenAnswerError if sent else UnreachableError)(f"{call} failed: {_cause(exc)}")


def _api_error(call: str, response: requests.Response) -> ApiError:
    error_code, message = error_words(response.text, _json(response))
    if 300 <= response.status_code < 400 and response.status_code != 304:
        place = named_place(response.url, response.headers.get("Location", ""))
        message = f"a redirect to {place}, which is not followed: is the host right?"
    return ApiError(
        call,
        status=response.status_code,
        error_code=redact(error_code)[:CODE_LENGTH],
        message=redact(message)[:MESSAGE_LENGTH],
        retry_after=_seconds(response.headers.get("Retry-After")),
        headers=response.headers,
    )


def error_words(text: str, body: Any) -> tuple[str, str]:
    """Return (error_code, message) from any of the forms in which the APIs report errors. Pure.

    Databricks: {"error_code", "message"}, {"error"}, SCIM {"detail"}, "CODE: message", an HTML
    page, nothing. GitHub: {"message", "errors"}. Any other text is not shown.
    """
    if isinstance(body, dict) and body:
        message = body.get("message") or body.get("detail") or body.get("error") or ""
        return str(body.get("error_code") or ""), str(message)
    if plain := re.fullmatch(r"([A-Z][A-Z_]{3,}): (.{1,300})", text.strip(), re.DOTALL):
        return plain[1], plain[2]
    if page := re.search(r"<(title|pre)>(.*?)</\1>", text, re.DOTALL | re.IGNORECASE):
        return "", html.unescape(page[2]).strip()
    return "", ""


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return float(retry_after)


def _cause(exc: Exception) -> str:
    """Return the root cause of a requests exception, in few words and without a URL."""
    reasons = {
        "ConnectTimeoutError": f"no connection within {CONNECT_SECONDS:g} s",
        "CERTIFICATE_VERIFY_FAILED": "the server's TLS certificate is not trusted",
        TLS_BROKE_OFF: "the connection was closed without an answer",
        "NameResolutionError": "the host name is unknown",
        "Connection refused": "the connection was refused",
        "reset by peer": "the connection was reset",
        "RemoteDisconnected": "the connection was closed without an answer",
        "IncompleteRead": "the answer ended in the middle",
    }
    text = repr(exc)
    found = next((words for name, words in reasons.items() if name in text), None)
    return found or type(exc).__name__
