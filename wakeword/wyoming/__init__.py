"""Wyoming, the protocol of Home Assistant's voice programs: both stages as a wake-word service for satellites.

wire       events off a connection, with a cap on every length and a check of every type
stream     one client's sound and its words; no connection, no clock
server     the connections: who may say what, for how long, and what is answered
discovery  the service by name on the local network

The library `wyoming` (the extra of that name) has the vocabulary and writes events; it reads without caps, so `wire`
reads. What a client does with a detection is the client's: the daemon's evidence log knows nothing of it.
docs/wyoming.md has the protocol as it is served.
"""
