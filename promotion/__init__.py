"""Bring the Git folders of a workspace to a pushed commit; both doors call this package.

Read in this order: `model` (push, Git folder, outcome), `rules` and `plan` (which Git folders
move where; pure), `promote` and `read_back` (move one and read where it is; `ancestry` compares
commits), `workspace` (all of one workspace). Around them: `discovery` scans a workspace and
`known_folders` remembers it; `credential_slot`, `credential_lock` and `git_credential` give the
principal its Git credential; `databricks`, `entra`, `http` and `throttle` make the calls;
`failures` and `failure_table` say what an error means and what to do.
"""
