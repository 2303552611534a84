"""What a speaker may tell its maker of a day, by consent: four counts, with noise. docs/fleet.md.

    report.py     what is counted, up to where, and how a report is spelt; standard library
    mechanism.py  the noise, by OpenDP
    day.py        the counts of a day -> one noisy report, for the gate

What the maker does with the reports of many is `wakeword/fleet/`.
"""
