"""The way of a sound, in the order it travels. Pure: no clock, no file, no thread. Read `pipeline.py` first.

ring      the last seconds, by sample number
voice     is anybody speaking
features  samples -> log-mel frames, stage 1's view
stage1    frames -> a logit a word every 40 ms
trigger   logits -> candidates
stage2    a candidate's segment -> its verdict, through features of its own
pipeline  the above, joined
session   when what follows a wake is over
"""
