"""Any sound -> blocks of int16 at 16 kHz mono: `microphone.py`, `file.py` and `stdin.py`, all through `convert.py`."""
