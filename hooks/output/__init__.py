"""What a person sees: `terminal`, `progress`, the CI job's summary, a desktop notification."""
