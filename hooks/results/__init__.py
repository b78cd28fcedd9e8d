"""What is kept on this machine about promotions: `model` is the value, `store` the files."""
