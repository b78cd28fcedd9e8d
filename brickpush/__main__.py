"""`python -m brickpush`: the commands of the service, and the two programs of the hook."""

import sys

from brickpush.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
