"""Services that receive: the uplink's side of the protocols, and the embedded service of the demo and the tests."""
