"""The machine: git, other programs, the environment, the clock, and the secrets to hide."""
