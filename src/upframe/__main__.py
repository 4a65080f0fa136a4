"""``python -m upframe`` is the same as ``upframe``."""

from upframe.cli.start import main

if __name__ == "__main__":
    main()
