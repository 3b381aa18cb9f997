"""`python -m bridge` is `evcc-bridge`."""

import sys

from bridge.cli import main

sys.exit(main())
