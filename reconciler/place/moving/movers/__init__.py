"""Movers, one module each: pure functions (Context, Room) → Wishes, listed in reconciler/place/moving/moves.py."""
