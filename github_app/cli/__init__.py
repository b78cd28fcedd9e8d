"""The operator's commands; `context` opens what several of them need."""
