"""The sub-commands that show recorded promotions: status, wait and log."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from hooks.command.exit_code import ExitCode

if TYPE_CHECKING:
    from hooks.results.store import Results

EVERYTHING = click.option("--all", "everything", is_flag=True, help="Of every repository.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


def _results() -> Results:
    from hooks.results.store import Results, state_directory
    from promotion.errors import ConfigError

    try:
        results = Results(state_directory(os.environ))
        results.settle()
    except OSError as exc:
        raise ConfigError(f"the recorded promotions can't be read: {exc.strerror or exc}") from None
    return results


@click.command(short_help="Show what the last promotion did.")
@EVERYTHING
@JSON
def status(*, everything: bool, as_json: bool) -> int:
    """Show what the last promotion did to each Git folder, and what to do now."""
    from hooks.command.history import newest, repository_here
    from hooks.output.terminal import open_console, show_result
    from hooks.results.model import as_json as json_of

    result = newest(_results(), None if everything else repository_here(os.environ))
    if as_json:
        click.echo(json.dumps(json_of(result) if result else None, indent=2))
    elif result is None:
        click.echo("no promotion has run here yet")
    else:
        show_result(open_console(sys.stdout), result)
    return ExitCode.DONE


@click.command(short_help="Wait until the last promotion has ended.")
@click.option("--timeout", default=900.0, show_default=True, help="Seconds to wait at most.")
@EVERYTHING
def wait(*, timeout: float, everything: bool) -> int:
    """Wait until the last promotion has ended, and show what it did.

    The exit code is the promotion's own: 0 done, 1 not done, 2 configuration or sign-in.
    """
    from hooks.command.history import exit_code_of, repository_here, wait_for_newest
    from hooks.output.terminal import open_console, show_result
    from promotion.clock import SystemClock

    repository = None if everything else repository_here(os.environ)
    result = wait_for_newest(_results(), repository, timeout, SystemClock())
    if result is None:
        click.echo("no promotion has run here yet")
        return ExitCode.DONE
    show_result(open_console(sys.stdout), result)
    return exit_code_of(result)


@click.command(short_help="List the last promotions.")
@EVERYTHING
@JSON
def log(*, everything: bool, as_json: bool) -> int:
    """List the last promotions from this machine, newest first."""
    from hooks.command.history import repository_here, those_of
    from hooks.output.terminal import open_console, show_title
    from hooks.results.model import as_json as json_of

    results = those_of(_results(), None if everything else repository_here(os.environ))
    if as_json:
        click.echo(json.dumps([json_of(result) for result in results], indent=2))
    for result in () if as_json else results:
        show_title(open_console(sys.stdout), result)
    return ExitCode.DONE
