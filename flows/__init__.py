"""The conductors: stages, Prefect flows of one call a task, and the `foresafe` command line."""
