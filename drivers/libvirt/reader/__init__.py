"""Reading a host: the cheapest complete observation, and single objects read afresh; `reader.Reader` is the face."""
