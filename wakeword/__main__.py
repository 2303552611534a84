"""`python -m wakeword` is `wakeword`."""

import sys

from wakeword.cli import main

sys.exit(main())
