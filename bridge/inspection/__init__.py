"""Looks at a file in a process of its own: what it is, and what of it is shown.

Somebody else made the file, and may have made it to take all memory and all time, or to break whoever opens it. So
nothing here runs in a process that serves anybody: `files.inspecting` starts `python -m bridge.inspection` for
each file. Nothing of Django is in here, which would take longer to start than most files take to be looked at.
"""
