"""What this GitHub knows."""
