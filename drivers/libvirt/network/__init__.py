"""Virtual networks: how one reads from XML, is written, changes while it runs; `networks.Networks` is the face."""
