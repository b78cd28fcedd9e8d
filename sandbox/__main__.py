"""The commands of the sandbox: `python -m sandbox serve`, and the demo."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from sandbox.sandbox import Options, open_sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A stand-in GitHub, Entra ID and Azure Databricks on loopback, with real git."""


@cli.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where repositories, Git folders, keys and secrets are kept.",
)
@click.option("--hook", metavar="URL", help="Where GitHub sends its webhooks.")
@click.option("--http", is_flag=True, help="Plain http for GitHub and the workspaces.")
@click.option("--empty", is_flag=True, help="No Git folders and no stored Git credentials.")
@click.option(
    "--no-app", is_flag=True, help="No GitHub App is registered: to rehearse `brickpush setup`."
)
@click.option("--latency-ms", default=0, show_default=True, help="Added to every answer.")
def serve(directory: Path, no_app: bool, **options: Any) -> None:
    """Run until SIGTERM; print one line of JSON when everything answers."""
    if no_app and options["hook"] is not None:
        raise click.UsageError("--hook is the App's: with --no-app, `brickpush setup` tells it")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with open_sandbox(directory, Options(no_app=no_app, **options)) as sandbox:
        click.echo(json.dumps(sandbox.describe()))
        sys.stdout.flush()
        stopped.wait()


@cli.command()
def demo() -> None:
    """Show the whole loop: a push, the Git folders that follow, the check run, a failure."""
    from sandbox.demo import run

    raise SystemExit(run())


if __name__ == "__main__":
    cli(prog_name="python -m sandbox")
