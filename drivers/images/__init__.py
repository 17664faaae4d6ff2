"""Images from files and URLs: fetched, verified, unpacked, checked and converted on the machine that gitvirt runs on.

| module | role |
|---|---|
| `rules.py` | what a fetch and a conversion may do, in plain values; what is asked for |
| `gate.py` | which addresses an image server may have, also after a redirect |
| `fetch.py` | HTTP with resuming; the one home of httpx |
| `sniff.py`, `qcow2.py`, `vmdk.py` | what a file really is, and whether its header is sound; nothing but reading |
| `unpack.py` | .xz, .gz, .bz2, .zst, in bounded memory; the one home of zstandard |
| `convert.py` | the `qemu-img` program, within limits |
| `store.py` | the cache: from a source to a file that can be written into a storage domain |

Called by reconciler/images.py. Raises drivers.errors only. Nothing in here believes a file's name or a server's word.
"""
