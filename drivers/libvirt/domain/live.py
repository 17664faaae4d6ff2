"""Live edits: which module changes what on a running VM, and how whole devices come and go.

Called by vms.py for each live edit of a VmEdit, with the running VM. Raises NotNow where this VM or guest does not
take the change, drivers.errors for all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from drivers.base import Edit
from drivers.libvirt.domain.aspect import NotNow, Place, Running
from drivers.libvirt.domain.definition import alias_for
from drivers.libvirt.domain.table import LISTS, LIVE
from drivers.libvirt.domain.visible import fields_of
from drivers.mark import Device
from specs.fields import entry_of


def change(running: Running, edit: Edit, devices: Mapping[str, Device]) -> None:
    """Makes one edit true on the running VM; satisfied at once if it is."""
    parts = entry_of(edit.path)
    if parts is not None and not parts[2]:
        if edit.after is None:
            _detach(running, edit.path)
        else:
            _attach(running, edit, devices)
        return
    table = LIVE if parts is None else LISTS[parts[0]].live if parts[0] in LISTS else {}
    changing = table.get(edit.path if parts is None else parts[2])
    if changing is None or isinstance(edit.after, Mapping):
        raise NotNow("libvirt cannot change this while the VM runs")
    changing(running, edit.path, edit.after)


def _attach(running: Running, edit: Edit, devices: Mapping[str, Device]) -> None:
    parts = entry_of(edit.path)
    if parts is None or parts[0] not in LISTS:
        raise NotNow("libvirt cannot change this while the VM runs")
    if edit.path in running.draft().elements:
        return
    each, fields, live = LISTS[parts[0]], fields_of(edit.after), running.live()
    each.hotplug(live, fields)
    place = Place(domain=deepcopy(running.config()), live=live, alias=alias_for(edit.path, devices))
    running.attach(each.build(place, fields))


def _detach(running: Running, path: str) -> None:
    draft = running.draft()
    if path not in draft.elements:
        return
    alias = draft.aliases.get(path)
    if alias is None:
        raise NotNow("the running VM does not tell the device's alias")
    running.detach(alias)
