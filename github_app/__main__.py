"""The command `brickpush` and its sub-commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from github_app.cli.context import config_of, settings_of
from github_app.cli.doctor import doctor
from github_app.cli.folders import config_option, folders, plan_command
from github_app.cli.rotate import rotate
from github_app.cli.setup import setup
from github_app.runtime import logs
from promotion.errors import ConfigError, PromotionError
from promotion.safe_text import printable_lines, redact


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="brickpush")
def cli() -> None:
    """Bring every Azure Databricks Git folder that follows a branch to each pushed commit."""
    logs.configure_for_commands()


@cli.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, help="The port to listen on; 0 takes a free one."
)
@click.option(
    "--role",
    type=click.Choice(["all", "web", "worker"]),
    default="all",
    show_default=True,
    help="web receives webhooks, worker promotes; separately they need PostgreSQL.",
)
def serve(config: Path | None, host: str, port: int, role: str) -> None:
    """Receive GitHub's webhooks and promote every push, until SIGTERM."""
    from github_app.service import run  # imported late: the server's imports take a second

    settings = settings_of(config)
    run(settings, config=config_of(config), host=host, port=port, role=role)


for command in (setup, doctor, rotate, plan_command, folders):
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code: 0 success, 1 failure, 2 configuration error."""
    try:
        # click returns the exit code that a command sets, otherwise the command's return value.
        code = cli.main(args=argv, prog_name="brickpush", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        return 2
    except click.Abort:
        return 130
    except ConfigError as exc:
        click.echo(f"brickpush: {printable_lines(redact(str(exc)))}", err=True)
        return 2
    except PromotionError as exc:
        click.echo(f"brickpush: {printable_lines(redact(str(exc)))}", err=True)
        return 1
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
