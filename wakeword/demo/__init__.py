"""The demo: the daemon hears a recorded room, a local service receives, and the books are compared.

In the order of what happens: `room.py` what is said in the recording · `stage.py` service and daemon, really running ·
`screen.py` what is shown meanwhile and at the end · `account.py` what was said, what left, what the log and the service
say of it.
"""
