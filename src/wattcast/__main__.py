"""`python -m wattcast`, where the folder of scripts is not on the path."""

from wattcast.cli import main

main()
