"""The evidence: what was recorded, in what form, and how anyone checks it."""
