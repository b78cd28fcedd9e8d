"""The command `brickpush`: run the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from github_app.settings import load_settings
from promotion.errors import ConfigError, PromotionError

DEFAULT_CONFIG = Path("brickpush.toml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="brickpush")
def cli() -> None:
    """Push to GitHub, and every Azure Databricks Git folder that follows the branch is there."""


@cli.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The service's settings. [default: brickpush.toml, where there is one]",
)
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
    from github_app.service import run  # the server's imports take a second: only where needed

    if config is None and DEFAULT_CONFIG.exists():
        config = DEFAULT_CONFIG
    settings = load_settings(config, os.environ)
    run(settings, host=host, port=port, role=role)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code: 0 done, 1 failed, 2 configuration."""
    try:
        cli.main(args=argv, prog_name="brickpush", standalone_mode=False)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return 2
    except click.Abort:
        return 130
    except ConfigError as exc:
        click.echo(f"brickpush: {exc}", err=True)
        return 2
    except PromotionError as exc:
        click.echo(f"brickpush: {exc}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
