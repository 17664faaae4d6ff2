"""The Redfish BMC of each lab host: a power button that a fence agent can press. It lives outside of the host.

redfish.py says what is answered, server.py is the program that answers, process.py starts and stops it.
"""
