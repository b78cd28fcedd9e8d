"""The command `git promote`: promote, show results, manage the hook and the sign-in."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from hooks.command.exit_code import ExitCode
from hooks.command.results import log, status, wait
from hooks.command.setup import doctor, install, login, uninstall

COMPLETE = "_GIT_PROMOTE_COMPLETE"
HELP = """Bring every Databricks Git folder that follows a branch to its pushed commit.

Without --url, the branch is the one checked out here, and its commit is the one that the remote
has. A Git folder counts as done only when its commit was read back from Databricks.

\b
Exit codes: 0 done, 1 some Git folder failed, 2 configuration, 3 unexpected.
An unknown branch, or a repository at a host that no Git folder has, ends with 2;
a workspace that can't be read ends with 1.

\b
Who you are, in this order:
  DATABRICKS_HOST with DATABRICKS_TOKEN, or with ARM_TENANT_ID, ARM_CLIENT_ID
    and ARM_CLIENT_SECRET
  AZURE_SP_TENANT_ID, AZURE_SP_CLIENT_ID, AZURE_SP_CLIENT_SECRET and
    AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME
  a profile of ~/.databrickscfg: --workspace, DATABRICKS_CONFIG_PROFILE, the default
  the sign-in of the databricks CLI, of the az CLI, or of `git promote login`

Entra tokens are sent only to Azure Databricks' hosts, and to those that ~/.databrickscfg or
promote.toml names.

\b
Examples:
  git promote --dry-run
  git promote --branch release --workspace production
  git promote --url https://github.com/octo-org/etl --branch main --json

Shell completion: eval "$(_GIT_PROMOTE_COMPLETE=bash_source git-promote)", or zsh_source.
"""


class InOrder(click.Group):
    """Lists its commands as they are added: in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(
    cls=InOrder,
    invoke_without_command=True,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--dry-run", "-n", is_flag=True, help="Show what would move, and why; move nothing.")
@click.option("--branch", metavar="BRANCH", help="Branch or full ref; default: the one here.")
@click.option("--url", metavar="URL", help="Repository URL, without a clone; needs --branch.")
@click.option("--workspace", metavar="NAME", help="Profile, or workspace of promote.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.version_option(package_name="brickpush", message="git promote %(version)s")
@click.pass_context
def cli(
    context: click.Context,
    *,
    dry_run: bool,
    branch: str | None,
    url: str | None,
    workspace: str | None,
    as_json: bool,
) -> int | None:
    if context.invoked_subcommand is not None:
        return None
    from hooks.command.promote import Request, promote
    from hooks.pushed.branch_name import branch_name

    given = {"--url": url, "--branch": branch, "--workspace": workspace}
    empty = [name for name, value in given.items() if value is not None and not value.strip()]
    if empty:  # an unset variable of a CI step must not select another branch
        raise click.UsageError(f"{', '.join(empty)} must not be empty")
    if url and not branch:
        raise click.UsageError("--url needs --branch")
    request = Request(
        url=(url or "").strip(),
        branch=branch_name(branch) if branch else "",
        workspace=(workspace or "").strip(),
        dry_run=dry_run,
        as_json=as_json,
    )
    return int(promote(request, os.environ))


for command in (install, login, doctor, status, wait, log, uninstall):
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    from hooks.system.known_secrets import hide
    from promotion.errors import ConfigError, PromotionError, SignInError
    from promotion.safe_text import printable_lines

    try:
        code = cli.main(
            list(sys.argv[1:] if argv is None else argv),
            # Shells complete the executable's name; people read the name that they type.
            prog_name="git-promote" if COMPLETE in os.environ else "git promote",
            complete_var=COMPLETE,
            standalone_mode=False,
        )
    except click.ClickException as exc:
        exc.show()
        return ExitCode.CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        click.echo("git promote: interrupted", err=True)
        return ExitCode.UNEXPECTED
    except (ConfigError, SignInError) as exc:
        click.echo(f"git promote: {printable_lines(hide(str(exc)))}", err=True)
        return ExitCode.CONFIGURATION
    except PromotionError as exc:
        click.echo(f"git promote: {printable_lines(hide(str(exc)))}", err=True)
        return ExitCode.FAILED
    except Exception as exc:
        words = printable_lines(hide(f"{type(exc).__name__}: {exc}"))
        click.echo(f"git promote: something unexpected happened: {words}", err=True)
        return ExitCode.UNEXPECTED
    return code if isinstance(code, int) else ExitCode.DONE
