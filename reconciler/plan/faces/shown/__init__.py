"""The plan as people see it, before it is laid out as text or Markdown: sections, folded rows, the summary."""
