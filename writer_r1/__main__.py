"""`python -m writer_r1` is the `writer-r1` command."""

import sys

from writer_r1.cli import main

if __name__ == "__main__":
    sys.exit(main())
