"""What every long-running process needs: logs, metrics, periodic jobs and a clean shutdown."""
