"""Checks across objects, one module for each subject. Called by `specs.check`."""
