"""`python -m hourglass` does what the command `hourglass` does."""

from hourglass.cli import main

if __name__ == "__main__":
    main()
