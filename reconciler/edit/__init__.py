"""Editing declared values in the YAML files of a repository, touching nothing but the values.

`change(place…)` in files.py checks the whole repository with the edit before anything is written. Called by
`gitvirt set` and `gitvirt init --fork`; declarative writes through other faces take the same way.
"""

from reconciler.edit.files import Change, change_one, change_values

__all__ = ["Change", "change_one", "change_values"]
