"""``python -m syngen``."""

from syngen.cli.main import main

if __name__ == "__main__":
    main()
