"""What a host can do, from its two documents."""

from drivers.libvirt.reader.capabilities import arch, read

HOST = """<capabilities><host><uuid>h-1</uuid><cpu><arch>x86_64</arch></cpu></host>
<guest><os_type>hvm</os_type><arch name='i686'><machine>isapc</machine><domain type='qemu'/></arch></guest>
<guest><os_type>hvm</os_type><arch name='x86_64'><machine>pc-q35-7.2</machine>
<machine canonical='pc-q35-7.2'>q35</machine>
<domain type='qemu'/>{kvm}</arch></guest></capabilities>"""
DOMAIN = """<domainCapabilities><os supported='yes'><enum name='firmware'>{firmware}</enum></os><cpu>
<mode name='host-passthrough' supported='yes'/><mode name='maximum' supported='no'/>
<mode name='custom' supported='yes'><model usable='{usable}'>Nehalem</model><model usable='yes'>qemu64</model>
<model usable='unknown'>odd</model></mode></cpu>
<devices><graphics><enum name='type'><value>vnc</value></enum></graphics></devices></domainCapabilities>"""


def test_the_machines_are_those_of_the_hosts_own_architecture() -> None:
    facts = read(HOST.format(kvm=""), [])
    found = facts.capabilities
    assert (facts.uuid, arch(HOST)) == ("h-1", "x86_64")
    assert (found.arch, found.machines) == ("x86_64", {"pc-q35-7.2", "q35"})


def test_kvm_is_there_when_the_architecture_has_such_domains() -> None:
    assert not read(HOST.format(kvm=""), []).capabilities.kvm
    assert read(HOST.format(kvm="<domain type='kvm'/>"), []).capabilities.kvm


def test_a_cpu_model_counts_if_any_virtualization_can_run_it() -> None:
    kvm, tcg = (DOMAIN.format(usable=each, firmware="") for each in ("no", "yes"))
    assert read(HOST, [kvm]).capabilities.cpu_models == {"host-passthrough", "qemu64", "odd"}
    assert read(HOST, [kvm, tcg]).capabilities.cpu_models == {"host-passthrough", "qemu64", "odd", "Nehalem"}


def test_firmwares_bear_our_names_and_bios_is_always_there() -> None:
    assert read(HOST, []).capabilities.firmwares == {"bios"}
    found = read(HOST, [DOMAIN.format(usable="no", firmware="<value>efi</value>")]).capabilities
    assert (found.firmwares, found.graphics) == ({"bios", "uefi"}, {"vnc"})


def test_what_qemu_offers_is_kept_by_device_and_enumeration() -> None:
    kvm = """<domainCapabilities><os><loader supported='yes'>
        <value>/usr/share/OVMF/OVMF_CODE_4M.fd</value><enum name='secure'><value>no</value></enum></loader></os>
        <devices><tpm supported='no'/></devices></domainCapabilities>"""
    tcg = """<domainCapabilities><devices><tpm supported='yes'><enum name='model'><value>tpm-crb</value></enum></tpm>
        </devices></domainCapabilities>"""
    assert read(HOST, [kvm, tcg]).capabilities.offers == {
        "loader.path": {"/usr/share/OVMF/OVMF_CODE_4M.fd"},
        "loader.secure": {"no"}, "loader.supported": {"yes"}, "tpm.model": {"tpm-crb"}, "tpm.supported": {"no", "yes"},
    }  # fmt: skip
    assert read(HOST, []).capabilities.offers == {}
