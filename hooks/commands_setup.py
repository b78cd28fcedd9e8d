"""The sub-commands that look after the sign-in and the hook."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hooks.exit_code import ExitCode


@click.command(short_help="Sign in with your own Entra account.")
@click.option("--device-code", is_flag=True, help="Show a code to enter on another device.")
@click.option("--forget", is_flag=True, help="Sign out on this machine instead.")
def login(*, device_code: bool, forget: bool) -> int:
    """Sign in with your own Entra account, in the browser.

    Needs `[login]` with a `client_id` in promote.toml. Whoever uses the databricks or az CLI
    needs none of this. Tokens are kept where the system keeps secrets; a plain file only with
    `plain_text = true`.
    """
    from hooks import login as sign_in

    if forget:
        click.echo(sign_in.forget(os.environ))
    else:
        click.echo(
            sign_in.login(
                os.environ,
                device_code=device_code,
                show=lambda words: click.echo(words, err=True),
            )
        )
    return ExitCode.DONE


@click.command(short_help="Check every link, and say what to do.")
@click.option("--workspace", metavar="NAME", help="A profile, or a workspace of promote.toml.")
def doctor(*, workspace: str | None) -> int:
    """Check git, sign-in, workspaces and permissions, and say what to do."""
    import sys

    from hooks.doctor import examine
    from hooks.presentation import Line, open_console, show_line

    console = open_console(sys.stdout)
    code = ExitCode.DONE
    for check in examine(os.environ, Path.cwd(), workspace or ""):
        mark = {True: "ok", False: "failed", None: "!"}[check.holds]
        show_line(console, Line(mark, "", check.words, check.next_step))
        if check.holds is False:
            code = ExitCode.CONFIGURATION
    return code


@click.command(short_help="Promote after every push of this repository.")
def install() -> int:
    """Promote after every push of this repository, by git's own pre-push hook.

    A hook that is there already keeps running, first. With pre-commit, use its hook
    promote-after-push instead.
    """
    from hooks import install as hook
    from hooks.git_settings import GitSettings

    click.echo(hook.install(GitSettings(Path.cwd(), os.environ)))
    return ExitCode.DONE


@click.command(short_help="Take the hook out again.")
def uninstall() -> int:
    """Take the hook out again, and put back what was there before."""
    from hooks import install as hook
    from hooks.git_settings import GitSettings

    click.echo(hook.uninstall(GitSettings(Path.cwd(), os.environ)))
    return ExitCode.DONE
