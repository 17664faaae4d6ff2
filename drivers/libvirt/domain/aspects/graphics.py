"""Graphics: VNC, SPICE or both, and with them what a screen needs (video card, tablet for the pointer).

A VM with graphics gets a plain VGA card, which every guest's firmware and installer has a driver for. Password and its
end change on a running VM; type, address and ports do not. What both protocols have (address, password) is written
into both. Devices that speak SPICE (redirection, smartcard, agent) cannot be without it, and go when it goes.
"""

from __future__ import annotations

from copy import deepcopy

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running, Write
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.single import Attribute
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, first, new, number, put, remove
from specs.fields import Scalar, Secret

TYPES = {"vnc": ("vnc",), "spice": ("spice",), "both": ("vnc", "spice"), "none": ()}
BESIDE = ("egl-headless", "dbus")
"""Graphics that draw for another one, and are nobody's console."""

VNC = {
    "graphics.vnc.keymap": Attribute(name="keymap"),
    "graphics.vnc.sharePolicy": Attribute(name="sharePolicy"),
}
SPICE = {
    "graphics.spice.keymap": Attribute(name="keymap"),
    "graphics.spice.defaultMode": Attribute(name="defaultMode"),
    "graphics.spice.clipboard": Attribute(at="clipboard", name="copypaste", form="yes/no"),
    "graphics.spice.fileTransfer": Attribute(at="filetransfer", name="enable", form="yes/no"),
    "graphics.spice.streaming": Attribute(at="streaming", name="mode"),
    "graphics.spice.imageCompression": Attribute(at="image", name="compression"),
    "graphics.spice.mouse": Attribute(at="mouse", name="mode"),
}
_OWN = {"vnc": VNC, "spice": SPICE}
_EXPIRES = "passwdValidTo"


def _read(element: Element, draft: Draft) -> None:
    fields, kind = draft.fields, element.get("type", "none")
    before = fields["graphics.type"]
    if kind in BESIDE or before in (kind, "both"):
        return  # only the first of each type counts
    if before == "none":
        fields["graphics.type"] = kind
        _read_common(element, draft)
    elif {before, kind} == {"vnc", "spice"}:
        fields["graphics.type"] = "both"
    else:
        return
    for path, attribute in _OWN.get(kind, {}).items():
        if (value := attribute.read(element)) is not None:
            fields[path] = value
    if kind in _OWN:
        _read_ports(element, kind, draft)


def _read_common(element: Element, draft: Draft) -> None:
    fields = draft.fields
    listen = first(element, "listen")
    if listen is not None and listen.get("type") == "network":
        fields["graphics.network"] = listen.get("network", "")
    else:
        address = element.get("listen") or (listen.get("address") if listen is not None else None)
        if address:
            fields["graphics.listen"] = address
    if (password := element.get("passwd")) is not None:
        fields["graphics.password"] = Secret(password)
    if expires := element.get(_EXPIRES):
        fields["graphics.passwordExpires"] = expires + "Z"


def _read_ports(element: Element, kind: str, draft: Draft) -> None:
    names = {"port": "port", "tlsPort": "tlsPort"} if kind == "spice" else {"port": "port"}
    automatic = element.get("autoport", "yes") == "yes"
    for name, attribute in names.items():
        value = number(element.get(attribute))
        if automatic and name == "port":
            draft.fields[f"graphics.{kind}.port"] = "auto"
        elif not automatic and value is not None and value > 0:
            draft.fields[f"graphics.{kind}.{name}"] = value
    if kind == "vnc" and (websocket := number(element.get("websocket"))) is not None:
        draft.fields["graphics.vnc.websocket"] = "auto" if websocket < 0 else websocket


def as_defined(config: dict[str, Scalar], live: dict[str, Scalar]) -> None:
    """A running VM shows the port that its web socket got; where any would do, that is no difference."""
    path = "graphics.vnc.websocket"
    if config.get(path) == "auto" and path in live:
        live[path] = "auto"


def consoles(domain: Element) -> list[Element]:
    """Its VNC and SPICE graphics, and any other that a person looks at."""
    return [each for each in domain.iterfind("devices/graphics") if each.get("type") not in BESIDE]


def _of(domain: Element, path: str) -> list[Element]:
    """The graphics that a field is about; CannotWrite if there are none."""
    found = consoles(domain)
    if not found:
        raise CannotWrite(path, "the VM has no graphics; set graphics.type")
    kind = path.split(".")[1]
    if kind not in _OWN:
        return found
    own = [each for each in found if each.get("type") == kind][:1]
    if not own:
        raise CannotWrite(path, f"the VM has no {kind.upper()} graphics; set graphics.type to {kind} or both")
    return own


def _lacks(domain: Element, path: str) -> bool:
    try:
        return not _of(domain, path)
    except CannotWrite:
        return True


def _write_type(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    wanted = TYPES.get(str(value or "none"), (str(value),))
    there = consoles(domain)
    gone = [each for each in there if each.get("type") not in wanted]
    for each in gone:
        remove(each)
    if "spice" not in wanted:
        _without_spice(devices)
    if not wanted:
        drop(devices, "graphics")
        return
    kept = [each.get("type") for each in there if each not in gone]
    for kind in wanted:
        if kind not in kept:
            devices.append(_new(kind, [*gone, *there]))
    if not there:
        _screen(devices)


def _new(kind: str, former: list[Element]) -> Element:
    """Graphics on a free port, at the address and with the password that the former ones had."""
    graphics = new("graphics", type=kind, port="-1", autoport="yes")
    if former:
        put(graphics, "passwd", former[0].get("passwd"))
        put(graphics, _EXPIRES, former[0].get(_EXPIRES))
        if (listen := former[0].find("listen")) is not None:
            graphics.append(deepcopy(listen))
    return graphics


def _screen(devices: Element) -> None:
    if devices.find("video") is None:
        video = new("video")
        video.append(new("model", type="vga"))
        devices.append(video)
    no_usb = devices.find("controller[@type='usb'][@model='none']") is not None
    if not no_usb and not any(each.get("type") == "tablet" for each in devices.findall("input")):
        devices.append(new("input", type="tablet", bus="usb"))


def _without_spice(devices: Element) -> None:
    for tag in ("channel", "redirdev", "smartcard"):
        for each in [device for device in children(devices, tag) if device.get("type") == "spicevmc"]:
            remove(each)
    for each in [device for device in children(devices, "audio") if device.get("type") == "spice"]:
        remove(each)


def _write_listen(domain: Element, value: Scalar) -> None:
    _listen(domain, "graphics.listen", value)


def _write_network(domain: Element, value: Scalar) -> None:
    _listen(domain, "graphics.network", value)


def _listen(domain: Element, path: str, value: Scalar) -> None:
    kind, attribute = ("network", "network") if path.endswith("network") else ("address", "address")
    if value is None and not consoles(domain):
        return
    for graphics in _of(domain, path):
        listen = graphics.find("listen")
        if value is None and (listen is None or listen.get("type") != kind):
            continue
        put(graphics, "listen", None)
        if listen is None or listen.get("type") != kind:
            drop(graphics, "listen")
            listen = new("listen", type=kind)
            graphics.insert(0, listen)
        put(listen, attribute, value)
        if kind == "network":
            put(listen, "address", None)


def _write_password(domain: Element, value: Scalar) -> None:
    if value is None and not consoles(domain):
        return
    for each in _of(domain, "graphics.password"):
        put_password(each, value)


def put_password(graphics: Element, value: Scalar) -> None:
    """Sets or removes the password; VNC knows only eight characters of it."""
    password = value.reveal() if isinstance(value, Secret) else value
    if isinstance(password, str) and len(password) > 8 and graphics.get("type") == "vnc":
        raise CannotWrite("graphics.password", "VNC takes at most 8 characters; shorten it")
    put(graphics, "passwd", password)


def _write_expires(domain: Element, value: Scalar) -> None:
    if value is None and not consoles(domain):
        return
    for each in _of(domain, "graphics.passwordExpires"):
        _put_expires(each, value)


def _put_expires(graphics: Element, value: Scalar) -> None:
    put(graphics, _EXPIRES, str(value).removesuffix("Z") if value else None)


def _own(path: str, attribute: Attribute) -> Write:
    def write(domain: Element, value: Scalar) -> None:
        if value is None and _lacks(domain, path):
            return
        attribute.write(_of(domain, path)[0], value)

    return write


def _port(path: str) -> Write:
    """A port of one's own ends the automatic choice, for the other port of SPICE too."""
    name = path.rpartition(".")[2]

    def write(domain: Element, value: Scalar) -> None:
        if value is None and _lacks(domain, path):
            return
        graphics = _of(domain, path)[0]
        if name == "websocket":
            put(graphics, name, "-1" if value == "auto" else value)
        elif value in (None, "auto"):
            put(graphics, name, "-1" if name == "port" else None)
            if name == "port":
                put(graphics, "autoport", "yes")
                put(graphics, "tlsPort", None)
        else:
            if graphics.get("autoport") != "no" and name == "tlsPort":
                put(graphics, "port", None)
            put(graphics, "autoport", "no")
            put(graphics, name, value)

    return write


def _live(running: Running, path: str, value: Scalar) -> None:
    there = consoles(running.live())
    if not there:
        raise NotNow("the running VM has no graphics")
    if value is None and path == "graphics.password":
        raise NotNow("libvirt cannot take the password off a running VM")
    for graphics in there:
        if path == "graphics.password":
            put_password(graphics, value)
        else:
            _put_expires(graphics, value)
        running.update(graphics)


def _check(domain: Element) -> None:
    """libvirt defines two of a type without a word, and then cannot start the VM."""
    kinds = [each.get("type", "") for each in consoles(domain)]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise CannotWrite(
                "graphics", f"there are two {kind.upper()} graphics; QEMU has one of a type, take one away"
            )


_PORTS = ("graphics.vnc.port", "graphics.vnc.websocket", "graphics.spice.port", "graphics.spice.tlsPort")

ASPECT = Aspect(
    devices={"graphics": _read},
    absent={"graphics.type": "none"},
    write={
        "graphics.type": _write_type,
        "graphics.listen": _write_listen,
        "graphics.network": _write_network,
        "graphics.password": _write_password,
        "graphics.passwordExpires": _write_expires,
        **{path: _own(path, attribute) for path, attribute in (VNC | SPICE).items()},
        **{path: _port(path) for path in _PORTS},
    },
    check=_check,
    live={"graphics.password": _live, "graphics.passwordExpires": _live},
)
