"""The lab: real libvirt hosts on one Linux machine, each in namespaces of its own.

Comes in: a number of hosts and a state directory. Goes out: hosts reachable over TLS, a shared folder, a tiny
guest image, a ready Git repository. Called by reconciler/cli/lab.py and by the live tests, through `Lab` in lab.py.
"""
