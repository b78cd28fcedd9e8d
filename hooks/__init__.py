"""Promotion from a developer's machine or from CI: three programs.

1. What `git push` waits for: `promote_after_push` and `foreground`, which import the standard
   library's cheapest modules only. It notes the push and starts a detached process.
2. That process, `background`: it waits for the end of the push, verifies it and promotes.
3. The command `git promote`: `promote` and `command`.

The last two share `workspaces` (which workspaces there are, who we are there, and the promotion
in all of them), `pushed` (what was pushed and to which repository), `results` (what is kept on
this machine), `output` (terminal, job summary, notification) and `system` (git, other programs,
the environment). Read `background.job` and `command.promote` first.
"""
