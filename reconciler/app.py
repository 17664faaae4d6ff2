"""The composition root: the only place that builds real drivers and joins them with settings, key, lock and clock.

Used by the commands and the daemon. Nothing is contacted before the first pass; `close` lets go of all hosts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.base import Host
from reconciler import cycle, exports, images, key, settings, sources
from reconciler.apply.dispatch import Tools
from reconciler.apply.limits import Limits
from reconciler.apply.outcome import Outcome, Run
from reconciler.apply.walk import Moved, Tell, Walker
from reconciler.desired.wanted import WantedHost
from reconciler.journal import Journal
from reconciler.observe.holds import Holds
from reconciler.observe.overrides import Overrides
from reconciler.observe.register import Register
from reconciler.place.hosts.hoststate import MAINTENANCE
from reconciler.plan.plan import Step
from specs.catalog import Catalog
from specs.fields import Secret

if TYPE_CHECKING:
    from drivers.git import Repository


class App:
    """Everything that passes need, for one repository on this machine."""

    def __init__(self, repository: Repository, folder: str = ".", using: settings.Settings | None = None) -> None:
        self.repository, self.folder = repository, folder
        self.settings = using or settings.load()
        self.stop = threading.Event()
        self._hosts: dict[tuple[str, str], Host] = {}
        self._keys: key.Keys | None = None
        self._journals: dict[str, Journal] = {}
        self._files: exports.Files | None = None

    def revision(self, catalog: Catalog, name: str) -> cycle.Revision:
        """A loaded catalog as a revision; `name` is what marks will hold."""
        self._files = exports.files_of(self.repository, name, catalog, self.settings.state_folder, self._files)

        def ancestors(ids: Iterable[str]) -> frozenset[str]:
            return self.repository.ancestors(ids, name)

        return cycle.Revision(
            catalog=catalog,
            name=name,
            sources=sources.read(catalog, self._files.folder, self.settings),
            ancestors=ancestors,
        )

    def outside(self) -> cycle.Outside:
        """The world as a pass reaches it."""
        self._keys = None  # it may have been rotated since the last pass
        return cycle.Outside(
            connect=self.connect,
            now=lambda: int(time.time()),
            digest=self.digest,
            former=lambda secret: self.keys.digests(secret),
            register=lambda repository: Register(self.settings.state_folder, repository),
            holds=lambda repository: Holds(self.settings.state_folder, repository).all(),
            overrides=lambda repository: self.overrides(repository).all(),
            end=lambda repository, ref, kind: self.overrides(repository).drop(ref, kind),
        )

    def overrides(self, repository: str) -> Overrides:
        """What operators asked of hosts and clusters."""
        return Overrides(self.settings.state_folder, repository)

    def digest(self, secret: Secret) -> str:
        """A secret as marks and plans hold it; the key is made at the first use."""
        return self.keys.digest(secret)

    @property
    def keys(self) -> key.Keys:
        """Our key, and former ones while it is being rotated."""
        if self._keys is None:
            self._keys = key.keys(self.settings.state_folder)
        return self._keys

    def connect(self, wanted: WantedHost) -> Host:
        """The driver of a declared host; the same one as long as its URI is the same."""
        where = (wanted.name, wanted.uri)
        if where not in self._hosts:
            self._hosts[where] = self._open(wanted)
        return self._hosts[where]

    def _open(self, wanted: WantedHost) -> Host:
        from drivers.libvirt.access import Access
        from drivers.libvirt.host import connect

        found = self.settings.access(wanted.uri)
        access = Access(uri=found.uri, pki=found.pki, keyfile=found.keyfile, known_hosts=found.known_hosts)
        return connect(wanted.name, access)

    def act(self, looked: cycle.Pass, tell: Tell, moved: Moved = lambda step, what, done, total: None) -> Run:
        """Makes a plan true; `stop` set means that no new step begins. What becomes of it is noted in the journal."""
        journal = self.journal(looked.plan.repository)
        journal.plan(looked.plan)
        self._end_what_git_says(looked)

        def told(step: Step, outcome: Outcome | None) -> None:
            journal.tell(step, outcome, looked.plan.revision)
            tell(step, outcome)

        files = self._files.folder if self._files else Path(self.repository.root)
        opened = images.Images(
            locate=lambda file: sources.locate(file, files, self.settings), settings=self.settings, wait=self.stop.wait
        )
        tools = Tools(open_image=opened.open_image, pause=Pause(self.stop))
        allowed = self.settings.concurrency
        limits = Limits(host=allowed.host, total=allowed.total, storage=allowed.storage)
        walker = Walker(hosts=looked.hosts, tools=tools, limits=limits, tell=told, moved=moved, stop=self.stop)
        return cycle.act(looked, walker)

    def _end_what_git_says(self, looked: cycle.Pass) -> None:
        """Maintenance by hand ends when Git asks for it: from then on it is Git's word that counts."""
        for host in looked.context.wanted.hosts.values():
            if host.maintenance and looked.context.overrides.get(str(host.ref)):
                self.overrides(looked.plan.repository).drop(str(host.ref), MAINTENANCE)

    def journal(self, repository: str) -> Journal:
        """Where deeds are noted for `gitvirt logs`; one per repository, which remembers what it said."""
        if repository not in self._journals:
            self._journals[repository] = Journal(self.settings.state_folder, repository)
        return self._journals[repository]

    def close(self) -> None:
        """Lets go of all hosts, and of the files of the last revision."""
        if self._files is not None:
            self._files.release()
        for host in self._hosts.values():
            host.close()
        self._hosts.clear()


class Pause:
    """Real time, in which a stop request ends every wait."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)
