"""Operations: what operators do by hand, once, with a record (start, stop, hold, release …); never replayed from Git.

Each deed works on objects of ours where they are, and leaves an override in the mark where Git would undo it. Called
by the commands in reconciler/cli/deeds; knows nothing of terminals.
"""
