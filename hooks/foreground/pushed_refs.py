"""Read the pushed refs that git or pre-commit pass to the hook. Pure except for `resolve`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HEADS = "refs/heads/"
URL_VARIABLE = "BRICKPUSH_PUSH_URL"  # the URL may hold a password, so it is written to no file


class PushedRefs:
    """Where a push goes, and the branches that it moves."""

    def __init__(self, remote: str, url: str, refs: dict[str, str], *, complete: bool) -> None:
        self.remote = remote  # the URL itself after `git push URL`
        self.url = url
        self.refs = refs  # {"refs/heads/main": sha}
        self.complete = complete  # False under pre-commit, which passes one ref at most


def from_git(arguments: Sequence[str], stdin: str) -> PushedRefs:
    """Read git's own input: the remote's name and URL, and one line for each ref."""
    remote, url = arguments
    refs = {}
    for line in stdin.splitlines():
        words = line.split(" ")
        if len(words) == 4 and words[2].startswith(HEADS) and words[1].strip("0"):
            refs[words[2]] = words[1]
    return PushedRefs(remote, url, refs, complete=True)


def from_pre_commit(environ: Mapping[str, str], resolve: Callable[[str], str]) -> PushedRefs | None:
    """Read pre-commit's environment; None where it names no push.

    pre-commit sets no PRE_COMMIT_TO_REF where the whole history is new, from its root on.
    """
    remote = environ.get("PRE_COMMIT_REMOTE_NAME", "")
    ref = environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    if not remote or not ref:
        return None
    url = environ.get("PRE_COMMIT_REMOTE_URL") or remote
    refs = {}
    if ref.startswith(HEADS):
        source = environ.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
        refs[ref] = environ.get("PRE_COMMIT_TO_REF") or resolve(source)
    return PushedRefs(remote, url, refs, complete=False)


def without_secrets(url: str) -> str:
    """Return a URL without user and password; `git@host:path` holds no password."""
    scheme, separator, rest = url.partition("://")
    netloc, slash, path = rest.partition("/")
    return f"{scheme}{separator}{netloc.rpartition('@')[2]}{slash}{path}"
