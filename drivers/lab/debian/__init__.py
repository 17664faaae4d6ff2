"""Debian's archive without an installation: single packages, and whole releases that hosts run as their system."""
