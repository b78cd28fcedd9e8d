"""`git promote` and its sub-commands: `promote`, `results`, `setup`, `doctor`."""
