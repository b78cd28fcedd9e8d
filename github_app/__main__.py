"""The command `brickpush`: run the service."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from github_app import logs
from github_app.commands_doctor import doctor
from github_app.commands_rotate import rotate
from github_app.commands_setup import setup
from github_app.commands_workspaces import config_option, folders, plan_command
from github_app.opening import config_of, settings_of
from promotion.errors import ConfigError, PromotionError
from promotion.printable import printable_lines
from promotion.redact import redact


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="brickpush")
def cli() -> None:
    """Push to GitHub, and every Azure Databricks Git folder that follows the branch is there."""
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
    help="web takes webhooks in, worker promotes; apart they need PostgreSQL.",
)
def serve(config: Path | None, host: str, port: int, role: str) -> None:
    """Take GitHub's webhooks in and promote every push, until SIGTERM."""
    from github_app.roles import run  # the server's imports take a second: only where needed

    settings = settings_of(config)
    run(settings, config=config_of(config), host=host, port=port, role=role)


for command in (setup, doctor, rotate, plan_command, folders):
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code: 0 done, 1 failed, 2 configuration."""
    try:
        # Where a command asks for an exit code, click returns it; else what the command returned.
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
