"""What this workspace knows."""
