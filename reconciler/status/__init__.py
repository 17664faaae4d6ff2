"""Status: what is wanted, seen and planned, put together per object, for the faces that look (CLI, later API). Pure."""
