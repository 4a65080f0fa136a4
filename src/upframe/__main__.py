"""``python -m upframe`` is the same as ``upframe``."""

from upframe.cli.main import main

if __name__ == "__main__":
    main()
