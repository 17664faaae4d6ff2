"""The register of hosts that were seen with VMs of ours, kept in gitvirt's state directory.

Git forgets a host as soon as its document is removed; its VMs run on. A host in the register that is declared no
more stays in the pass until it was seen empty (reconciler/observe/leaving.py) or declared lost (`gitvirt host lost
NAME`); one under another URI counts as unseen until then: nothing that it may hold is created, started or deleted
elsewhere. A host is noted to hold VMs before the first one comes to it (`expect`); only a look that read it lowers that
number (`learn`). Losing the register loses this one protection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from drivers.seen import Unseen
from reconciler import statefile
from reconciler.desired.wanted import WantedHost
from reconciler.errors import SettingsError
from reconciler.observe.observed import Observed
from specs.structs import replace


class Register:
    """One repository's hosts: name → {uri, uuid, cluster, vms, networks, expected}, in `hosts-<repository id>.json`."""

    def __init__(self, state: Path, repository: str) -> None:
        self.path = state / f"hosts-{repository}.json"

    def known(self) -> dict[str, dict[str, object]]:
        """What is registered; nothing if there is no register yet. SettingsError with its path if it is damaged."""
        try:
            data = json.loads(self.path.read_text())
            return {str(name): _sound(entry) for name, entry in data.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            text = f"{self.path} is damaged ({error}); repair it, or remove it if no host was removed from Git"
            raise SettingsError(text) from None

    def complete(self, observed: Observed, declared: Mapping[str, WantedHost]) -> Observed:
        """The observation, with the hosts that are missing from the repository as unseen ones."""
        missing: dict[str, Unseen] = {}
        for name, entry in self.known().items():
            host = declared.get(name)
            moved = host is not None and host.uri != entry["uri"] and not self._same(observed, name, entry)
            if not entry["vms"] or (host is not None and not moved):
                continue
            what = f"its uri changed from {entry['uri']}" if moved else "it was removed from the repository"
            text = f"{what} while it held {entry['vms']} VMs; put it back, or `gitvirt host lost {name}`"
            missing[name if not moved else f"{name} (before)"] = Unseen(name=name, reason=text)
        return replace(observed, hosts={**observed.hosts, **missing}) if missing else observed

    def _same(self, observed: Observed, name: str, entry: Mapping[str, object]) -> bool:
        """True if the host answers under its new URI with the uuid that it always had."""
        seen = observed.seen.get(name)
        return seen is not None and seen.uuid == entry["uuid"]

    def expect(self, observed: Observed, declared: Mapping[str, WantedHost], coming: Mapping[str, int]) -> None:
        """Notes, durably, that so many more VMs than were seen are about to be on each of these hosts.

        `expected` counts how often that was noted: a look that began before does not know of it.
        """
        with statefile.alone(self.path):
            known = self.known()
            for name, more in coming.items():
                entry = known.get(name) or _entry(observed, declared[name])
                vms = max(_number(entry, "vms"), _owned(observed, name) + more)
                known[name] = {**entry, "vms": vms, "expected": _number(entry, "expected") + 1}
            statefile.write(self.path, known)

    def learn(
        self,
        observed: Observed,
        declared: Mapping[str, WantedHost],
        before: Mapping[str, Mapping[str, object]],
    ) -> None:
        """Notes what was seen; written only if something changed, and as a whole.

        `before`: what was registered when the look began; where VMs were expected since then, none is subtracted.
        """
        if self._learned(observed, declared, before) == self.known():
            return
        with statefile.alone(self.path):
            statefile.write(self.path, self._learned(observed, declared, before))

    def _learned(
        self, observed: Observed, declared: Mapping[str, WantedHost], before: Mapping[str, Mapping[str, object]]
    ) -> dict[str, dict[str, object]]:
        found = self.known()
        for name, host in observed.seen.items():
            was = found.get(name, {})
            if name not in declared or self._moved(was, declared[name].uri, host.uuid):
                continue
            entry = _entry(observed, declared[name])
            if expected := _number(was, "expected"):
                entry["expected"] = expected
            if expected != _number(before.get(name, {}), "expected"):
                entry["vms"] = max(_number(was, "vms"), _number(entry, "vms"))
            found[name] = entry
            if declared[name].leaving and not entry["vms"] and not entry["networks"]:
                del found[name]  # seen empty: now it is gone
        return found

    def _moved(self, entry: Mapping[str, object] | None, uri: str, uuid: str) -> bool:
        return bool(entry and entry["vms"] and entry["uri"] != uri and entry["uuid"] != uuid)

    def forget(self, name: str) -> bool:
        """Takes a host out of the register: it is lost or was emptied by hand. False if it is not there."""
        with statefile.alone(self.path):
            known = self.known()
            if known.pop(name, None) is None:
                return False
            statefile.write(self.path, known)
        return True


def _sound(entry: dict[str, object]) -> dict[str, object]:
    """The entry, if it has what is worked with; else TypeError."""
    kinds = {"uri": str, "uuid": str, "vms": int}
    if lacking := [key for key, kind in kinds.items() if not isinstance(entry.get(key), kind)]:
        raise TypeError(f"an entry lacks {', '.join(lacking)}")
    return entry


def _entry(observed: Observed, host: WantedHost) -> dict[str, object]:
    """What is registered of a host, as it was seen."""
    seen = observed.seen.get(host.name)
    networks = seen.networks if seen else ()
    return {
        "uri": host.uri, "uuid": seen.uuid if seen else "", "cluster": host.cluster,
        "vms": _owned(observed, host.name),
        "networks": sum(observed.owned_mark(each.uuid, each.mark) is not None for each in networks),
    }  # fmt: skip


def _owned(observed: Observed, name: str) -> int:
    """How many VMs of ours it was seen with."""
    seen = observed.seen.get(name)
    return sum(observed.owned_mark(vm.uuid, vm.mark) is not None for vm in seen.vms) if seen else 0


def _number(entry: Mapping[str, object], key: str) -> int:
    """A count of an entry; 0 if it has none."""
    found = entry.get(key)
    return found if isinstance(found, int) else 0
