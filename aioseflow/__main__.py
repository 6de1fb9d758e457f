"""`python -m aioseflow`: the command line."""

from .cli import main

main()
