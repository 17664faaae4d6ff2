"""However a process is left, it ends: with open connections, a watch, handles, and a call that hangs."""

import subprocess
import sys

SCRIPT = """
import threading, time
from drivers.errors import Unreachable
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.watch import Watch

connections = Connections("kvm1", Access(uri="test:///default"))
Watch(connections, lambda host, ref: None).start()
with connections.reads() as conn:
    kept = connections.call("list", conn.listAllDomains, 0)
lease = connections.lease("long")
try:
    lease.call("hang", time.sleep, 1000, deadline=0.05)
except Exception as error:
    print(type(error).__name__)
"""


def test_a_process_ends_cleanly_with_everything_open() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("Unknown\n", "", 0)
