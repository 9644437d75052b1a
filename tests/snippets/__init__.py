"""What the docs show in fences is held against the project: run where it can run, checked where it cannot."""
