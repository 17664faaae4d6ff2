"""The libvirt driver: real hosts behind the Protocols of drivers/base.py.

Only here are libvirt and lxml imported. `host.connect` makes the bundle for one host; reconciler/app.py calls it.
"""
