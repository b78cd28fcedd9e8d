"""The command `brickpush`: every sub-command with its options; what each does is in `cli/`.

Only what is run is imported: the engine and the server take a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from promotion.errors import ConfigError, PromotionError
from promotion.safe_text import printable_lines, redact

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

config_option = click.option(
    "--config",
    type=FILE,
    help="The service's settings. [default: brickpush.toml, if it exists]",
)
repository_option = click.option(
    "--repository", required=True, metavar="OWNER/NAME", help="The repository."
)
wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait while the service promotes with another installation's token.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class Command(click.Command):
    """A command that is run, and not only asked for its help, logs what it does."""

    def invoke(self, ctx: click.Context) -> Any:
        from github_app.runtime import logs

        logs.configure_for_commands()
        return super().invoke(ctx)


class InOrder(click.Group):
    """Lists its commands as they are declared: in the order in which one needs them."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="brickpush")
def cli() -> None:
    """Bring every Azure Databricks Git folder that follows a branch to each pushed commit."""


@cli.command()
@click.option(
    "--config",
    type=FILE,
    default=Path("brickpush.toml"),
    show_default=True,
    help="The file to write.",
)
@click.option("--webhook-url", help="Where GitHub reaches this service: https://HOST")
@click.option("--organization", help="The organization that owns the App. [default: your account]")
@click.option("--github-url", help="The URL of GHES or GHE.com. [default: https://github.com]")
@click.option(
    "--name", help="The App's name, unique on GitHub; it can be changed on GitHub's page."
)
@click.option(
    "--import", "importing", is_flag=True, help="Import an App that is registered already."
)
@click.option("--app-id", type=int, help="With --import: the App's id.")
@click.option("--private-key", type=EXISTING_FILE, help="With --import: its key, as downloaded.")
@click.option(
    "--webhook-secret-file",
    type=EXISTING_FILE,
    help="With --import: a file with the webhook secret. Without it, a new one is set at GitHub.",
)
@click.option(
    "--workspace", "workspace_name", default="dev", show_default=True, help="The workspace's name."
)
@click.option("--workspace-host", default="", help="The first workspace: https://adb-….net")
@click.option("--tenant-id", default="", help="Its Entra tenant.")
@click.option("--client-id", default="", help="The service principal's application id.")
@click.option("--client-secret-file", type=EXISTING_FILE, help="A file with its client secret.")
@click.option(
    "--authority-host",
    help="Another cloud's sign-in URL. [default: https://login.microsoftonline.com]",
)
@click.option(
    "--ca-file",
    type=EXISTING_FILE,
    help="Certificate authorities to trust instead of the default ones.",
)
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.")
@click.option("--port", default=0, help="The page's port on loopback. [default: a free one]")
@click.option(
    "--wait-minutes",
    type=click.FloatRange(0, 60),  # GitHub forgets an unfinished registration after an hour
    default=30.0,
    show_default=True,
    help="How long to wait for each step in the browser.",
)
def setup(**options: Any) -> None:
    """Register the GitHub App, and write the service's settings.

    The App is registered on a page in the browser. Its secrets are written beside the settings,
    into files that only you can read. No file is overwritten, and no secret is shown or has to be
    copied.
    """
    from github_app.cli.setup import Given, setup

    setup(Given(**options))


@cli.command()
@config_option
@click.option("--url", help="The service's URL, if its public one can't be reached from here.")
@click.option("--pull", metavar="PATH", help="Also test a pull of this Git folder.")
@wait_option
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    config: Path | None,
    url: str | None,
    pull: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Test each link from GitHub to the Git folders.

    Each is tested by a real call, and what is broken is shown with its fix. The command stores the
    App's token as the principal's Git credential as a promotion does, never during one. It moves no
    Git folder except the one given with --pull.
    """
    from github_app.cli.doctor import doctor

    context.exit(doctor(config, url=url, pull=pull, wait=wait, as_json=as_json))


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
    from github_app.cli.context import config_of, settings_of
    from github_app.service import run

    run(settings_of(config), config=config_of(config), host=host, port=port, role=role)


@cli.command()
@config_option
@repository_option
@click.option("--branch", required=True, help="The branch.")
@json_option
@click.pass_context
def plan(
    context: click.Context, config: Path | None, repository: str, branch: str, as_json: bool
) -> None:
    """Show what a push to a branch would move, and why not the rest.

    It changes nothing. The exit code is 1 if a workspace could not be read.
    """
    from github_app.cli.folders import plan

    context.exit(plan(config, repository=repository, branch=branch, as_json=as_json))


@cli.group()
def folders() -> None:
    """List, create and remove the workspaces' Git folders."""


@folders.command("list")
@config_option
@click.option("--workspace", help="Only this workspace.")
@json_option
@click.pass_context
def list_folders(
    context: click.Context, config: Path | None, workspace: str | None, as_json: bool
) -> None:
    """List the Git folders and what each follows.

    The exit code is 1 if a workspace could not be read.
    """
    from github_app.cli.folders import list_folders

    context.exit(list_folders(config, workspace=workspace, as_json=as_json))


@folders.command("add")
@config_option
@click.option("--workspace", required=True, help="The workspace to create it in.")
@repository_option
@click.option("--branch", required=True, help="The branch to follow.")
@click.option(
    "--sparse", multiple=True, metavar="PATTERN", help="Check out only matching paths. Repeatable."
)
@click.option("--provider", help="gitHub or gitHubEnterprise. [default: by the GitHub URL]")
@wait_option
@click.argument("path")
def add_folder(config: Path | None, wait: float, **wanted: Any) -> None:
    """Create a Git folder at PATH, and its parent directories.

    It holds the repository, and follows the branch. A Git folder that an earlier, interrupted try
    left at PATH is completed.
    """
    from github_app.cli.folders import WantedFolder, add_folder

    add_folder(config, WantedFolder(**wanted), wait=wait)


@folders.command("remove")
@config_option
@click.option("--workspace", required=True, help="Its workspace.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("path")
def remove_folder(config: Path | None, workspace: str, yes: bool, path: str) -> None:
    """Remove the Git folder at PATH.

    Whatever in it was not pushed is lost.
    """
    from github_app.cli.folders import remove_folder

    remove_folder(config, workspace=workspace, path=path, yes=yes)


@cli.group()
def rotate() -> None:
    """Replace a secret while the service runs."""


@rotate.command("webhook-secret")
@click.option(
    "--config",
    type=EXISTING_FILE,
    default=Path("brickpush.toml"),
    show_default=True,
    help="The service's settings.",
)
@click.option("--url", help="The service's URL. [default: the webhook URL]")
@click.option(
    "--no-check", is_flag=True, help="Don't test whether the service accepts the new secret."
)
@click.option("--finish", is_flag=True, help="Remove the old secret, some minutes later.")
def webhook_secret(config: Path, url: str | None, no_check: bool, finish: bool) -> None:
    """Change the webhook secret without refusing any delivery.

    The service first accepts the new secret besides the old one, then GitHub signs with it. Run
    the command again with --finish once deliveries arrive. If it stops, run it again.
    """
    from github_app.cli.rotate import rotate_webhook_secret

    rotate_webhook_secret(config, url=url, check=not no_check, finish=finish)


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
