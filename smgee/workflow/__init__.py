"""Runs: the steps from stations to a validated SMAP product, on one run folder.

`registry` lists the steps, `folder` is the run folder, `step.plan` says what would run, and `run.execute`
runs it.
"""
