"""Importing: what hosts have → YAML documents that adopt it. Pure; nothing here contacts a host or writes a file.

`documents.draw_up` makes the documents, `proof.prove` plans them twice (the adoption, and the plan after it) and takes
out what would not be an adoption only, `text.text` writes them down. Called by reconciler/cli/import_.py.
"""
