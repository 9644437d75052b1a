"""Inspects a file in a separate process: its type, and the picture that is shown of it.

A file may be malicious: it may be made to use all memory and time, or to exploit a bug in a decoder. So this code never
runs in a process that serves anybody: `files.inspecting` starts `python -m bridge.inspection` for each file. It does
not import Django, whose start takes longer than most files.
"""
