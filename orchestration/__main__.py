"""`python -m orchestration`: the command line of the warehouse."""

from orchestration.cli import main

# A worker process that is spawned imports this module again.
if __name__ == "__main__":
    main()
