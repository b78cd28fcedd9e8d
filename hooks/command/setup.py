"""The sub-commands for the sign-in and the hook: login, doctor, install and uninstall."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hooks.command.exit_code import ExitCode


@click.command(short_help="Sign in with your own Entra account.")
@click.option("--device-code", is_flag=True, help="Show a code to enter on another device.")
@click.option("--forget", is_flag=True, help="Sign out on this machine instead.")
def login(*, device_code: bool, forget: bool) -> int:
    """Sign in with your own Entra account, in the browser.

    Needs `[login]` with a `client_id` in promote.toml. Not needed with the sign-in of the
    databricks or az CLI. Tokens are kept in the system's secret store; in a plain file only with
    `plain_text = true`.
    """
    from hooks.command import login as sign_in

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


@click.command(short_help="Check the setup, and say what to do.")
@click.option("--workspace", metavar="NAME", help="A profile, or a workspace of promote.toml.")
def doctor(*, workspace: str | None) -> int:
    """Check git, sign-in, workspaces and permissions, and say what to do."""
    import sys

    from hooks.command.doctor import examine
    from hooks.output.terminal import Line, open_console, show_line

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

    An existing hook keeps running, before this one. With pre-commit, use its hook
    promote-after-push instead.
    """
    from hooks.command import install as hook
    from hooks.command.install import GitSettings

    click.echo(hook.install(GitSettings(Path.cwd(), os.environ)))
    return ExitCode.DONE


@click.command(short_help="Remove the hook.")
def uninstall() -> int:
    """Remove the hook, and restore the previous one."""
    from hooks.command import install as hook
    from hooks.command.install import GitSettings

    click.echo(hook.uninstall(GitSettings(Path.cwd(), os.environ)))
    return ExitCode.DONE
