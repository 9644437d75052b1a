"""`make mutate MODULES="bridge/chat bridge/files"`: plant small faults, and say which ones no test notices.

cosmic-ray plants them, one at a time, in a copy of the working tree; the tests that run the changed line say whether
anybody notices. Which those are is known from one run of the suite with coverage contexts, kept in var/mutation/.
"""
