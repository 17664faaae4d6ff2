"""From one change to its steps: a module per kind of object. Called by reconciler/plan/planner.py."""
