"""What the gate and its log are put through: `python -m wakeword.ordeal`, docs/ordeal.md. No daemon runs any of it."""
