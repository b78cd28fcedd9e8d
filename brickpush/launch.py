"""Start a program of Brickpush, whatever packages lie beside it or on PYTHONPATH.

`git push` waits for one of these programs, so this module imports only what Python has loaded
anyway.
"""

# ruff: noqa: PTH100, PTH112, PTH118, PTH120

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CONFIGURATION = 2
OF_THE_EXTRA = ("dbos", "jwt", "sqlalchemy", "starlette")  # some that only the service needs


def find_parts() -> None:
    """Put the folder of `promotion`, `hooks` and `github_app` first on `sys.path`."""
    here = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(here, "_parts")
    sys.path.insert(0, installed if os.path.isdir(installed) else os.path.dirname(here))


def main(arguments: Sequence[str]) -> int:
    """Run what `python -m brickpush` is asked for: a program of the hook, else the service's."""
    find_parts()
    if arguments[:1] == ["promote-after-push"]:
        from hooks.promote_after_push import main as promote_after_push

        # At once: git push waits for the end, and there is nothing to clean up.
        os._exit(promote_after_push(arguments[1:], os.environ))
    if arguments[:1] == ["background"]:
        from hooks.background.worker import main as background

        return background(arguments[1:], os.environ)
    return _brickpush(arguments)


def brickpush() -> int:
    """Run the console script `brickpush`."""
    find_parts()
    return _brickpush(sys.argv[1:])


def git_promote() -> int:
    """Run the console script `git-promote`."""
    find_parts()
    from hooks.promote import main as promote

    return promote()


def _brickpush(arguments: Sequence[str]) -> int:
    from importlib.util import find_spec

    if not all(map(find_spec, OF_THE_EXTRA)):
        sys.stderr.write("brickpush: the service needs more packages: install 'brickpush[app]'\n")
        return EXIT_CONFIGURATION
    from github_app.__main__ import main as service

    return service(arguments)
