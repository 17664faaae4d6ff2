"""The state of the simulated datacenter: plain mutable values, changed only under the world's lock."""
