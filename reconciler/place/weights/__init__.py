"""Weights: what makes a host better or worse for a VM, in one table. Adding one is a function and a line here."""

from __future__ import annotations

from reconciler.place.rules import Weight

WEIGHTS: tuple[Weight, ...] = ()
