"""The fourth process, which may be absent: tells whoever may know how the daemon is. It hears no sound and sends none.

figures.py      status lines -> how things stand, and counts
exposition.py   counts -> Prometheus' text
journal.py      wakes, sessions, faults -> systemd's journal
serve.py        the sockets: events for a speaker's own programs, metrics for a monitor
__main__.py     the process
"""
