"""Fleet statistics: what a maker learns of many speakers without learning anything of one. docs/fleet.md.

    estimate.py   many reports -> rates with their intervals
    simulate.py   fleets whose true rates are known: is the estimate right?
    attack.py     somebody who wants to know one household's count: does epsilon hold?

How a speaker makes a report: `wakeword/daily/`.
"""
