"""What was pushed: `commit` finds commit and branch, `repository` the repository's names."""
