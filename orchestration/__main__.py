"""`python -m orchestration`: the command line of the warehouse."""

from orchestration.cli import main

main()
