"""This program and others that people can pick, side by side: the same recordings, the same rules, one table.

    streams      what all of them hear, and where words are said in it
    programs     how each of the others is run: a text for an interpreter that has it
    engines      who listens: the others as processes, ours as the daemon's own detector; nothing is heard twice
    choose       each engine's most sensitive setting within so many false accepts an hour
    table        counts, bounds, speakers, kinds of noise
    cost         processor seconds for an hour of sound, in turn

Does not: fetch or install anything; time anything but `cost`. docs/versus.md has the rules.
"""
