"""`wakeword studio`: words without a terminal. A page for one machine: bound to loopback, asking for nothing outside.

In the order of a visit: `door.py` (who is let in, and what the page is), `server.py` (what it may ask), `folder.py`
(what is kept, and where), `voices.py` (hear the phrase), `takes.py` (record it), `training.py`, `point.py` (an
operating point for this voice and room), `live.py` (both scores as they come), `export.py`.
"""
