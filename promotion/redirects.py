"""Resolve an API's redirect, and decide whether a call may be repeated there. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

MOST_HOPS = 3
# Each means: the same request, at the other address. GitHub answers 301 to a GET under a
# repository's former name, and 307 to a write. 303 would be another request.
REPEATED = frozenset({301, 302, 307, 308})
_PORTS = {"https": 443, "http": 80}


def same_place(asked: str, location: str, base_url: str) -> str | None:
    """Return the address that *location* means, None where it leaves the API at *base_url*.

    The address is built on the API's own origin, so that no other parser finds another host.
    """
    base, wanted = urlsplit(base_url), _read(asked, location)
    if wanted is None or _origin(wanted) != _origin(base):
        return None
    if not wanted.path.startswith(f"{base.path.rstrip('/')}/"):
        return None  # a sign-in page, for example
    query = f"?{wanted.query}" if wanted.query else ""
    return f"{base.scheme}://{base.netloc}{wanted.path}{query}"


def named_place(asked: str, location: str) -> str:
    """Return the origin of *location* for a message; the rest may hold a secret."""
    wanted = _read(asked, location)
    return f"{wanted.scheme}://{_host(wanted)}" if wanted is not None else "no address"


def _read(asked: str, location: str) -> SplitResult | None:
    """Return *location* in its parts; None where parsers could disagree about it."""
    if not location or "\\" in location or " " in location or not location.isprintable():
        return None
    try:
        split = urlsplit(urljoin(asked, location))
        _ = split.port
    except ValueError:
        return None
    usual = split.scheme in _PORTS and split.hostname and "@" not in split.netloc
    return split if usual else None


def _origin(split: SplitResult) -> tuple[str, str | None, int | None]:
    return split.scheme, split.hostname, split.port or _PORTS.get(split.scheme)


def _host(split: SplitResult) -> str:
    return f"{split.hostname}:{split.port}" if split.port else str(split.hostname)
