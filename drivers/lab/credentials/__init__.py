"""Who may enter the lab's hosts: its authority and certificates, its ssh keys, and how gitvirt's settings name them.

pki.py makes certificates, ssh.py keys and pinned host keys, settings_entry.py the file of local settings by which a
Host's URI finds both. Called by lab.py, host/boot.py and bmc/process.py.
"""
