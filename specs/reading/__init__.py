"""Reading a repository: which files, which documents, and what is wrong with them. Called by `specs.load` only."""
