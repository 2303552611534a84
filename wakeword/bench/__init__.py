"""The bench: what the daemon costs on this machine. `scripts/bench`, or `python -m wakeword.bench`.

    sounds.py    what is listened to            daemon.py   the real daemon, watched from outside
    cost.py · memory.py · start.py · latency.py one kind of figure each
    figures.py   values -> median and spread, a table, JSON

Nothing else imports this package, and no test holds a time against a limit: a figure is read, not asserted.
"""
