"""A plan as people and programs see it: text, Markdown, JSON, a saved file. Pure, but for reading and writing files."""
