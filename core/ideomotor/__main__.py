"""`python -m ideomotor` is the command line `ideomotor`."""

from .cli import main

main()
