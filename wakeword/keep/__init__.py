"""Candidates kept for tuning, by consent alone. In the order of a clip's way:

consent    the file that says so, until when, and how it ends
clip       a candidate as bytes of one length
tokeeper   listen's end of the pipe
seal       to a public key: who writes it cannot read it
folder     where sealed clips lie, and how all of them go
start      starts and ends the keeper (`wakeword/keeper.py`) for `wakeword run`
"""
