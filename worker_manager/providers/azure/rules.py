"""What Azure demands of a virtual machine's settings as a whole, once all levels are merged.

Knows the Resource Manager's properties, but no worker type, offering or SDK. What a schema can say of one level alone
is said there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker_manager.model import TAG_CAPACITY, TAG_CONFIG, TAG_DEPLOYMENT, TAG_LAUNCH, TAG_WORKER_TYPE

MAX_TAGS = 50
MAX_WINDOWS_COMPUTER_NAME = 15
MAX_WINDOWS_USERNAME = 20

_OWN_TAGS = (TAG_CAPACITY, TAG_CONFIG, TAG_DEPLOYMENT, TAG_LAUNCH, TAG_WORKER_TYPE)
_IMAGE = "storageProfile.imageReference"
_OS_DISK = "storageProfile.osDisk"
_DISK_ENCRYPTION = f"{_OS_DISK}.managedDisk.securityProfile"
_LINUX = "osProfile.linuxConfiguration"
_WINDOWS = "osProfile.windowsConfiguration"
_INTERFACES = "networkProfile.networkInterfaceConfigurations"
_IMAGE_IDS = ("id", "sharedGalleryImageId", "communityGalleryImageId")
_IMAGE_PARTS = ("publisher", "offer", "sku", "version")

# rule, message
Broken = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Setting:
    """That the setting at a dotted path is given, with one of these values if any are named."""

    path: str
    values: tuple[Any, ...] = ()

    def holds(self, settings: Mapping[str, Any]) -> bool:
        found = _at(settings, self.path)
        return found in self.values if self.values else found is not None

    def __str__(self) -> str:
        shown = " or ".join("false" if value is False else str(value) for value in self.values)
        return f"{self.path}: {shown}" if shown else self.path


_REQUIRED = (
    (_IMAGE, "image-missing", "give `images` an entry for the location or for `any`, or name it in a launchSpec"),
    (_INTERFACES, "network-missing", "give the location a network interface with its subnet"),
    ("osProfile.adminUsername", "admin-missing", "Azure wants an administrator's name for every generalized image"),
)
_SPOT = _Setting("priority", ("Spot",))
_CONFIDENTIAL = _Setting("securityProfile.securityType", ("ConfidentialVM",))
_SECURE = _Setting("securityProfile.securityType", ("TrustedLaunch", "ConfidentialVM"))
_ASSIGNED = _Setting("identity.type", ("UserAssigned", "SystemAssigned, UserAssigned"))
_NEEDS = (
    (_Setting("evictionPolicy"), _SPOT),
    (_Setting("billingProfile"), _SPOT),
    (_Setting("securityProfile.uefiSettings"), _SECURE),
    (_CONFIDENTIAL, _Setting(f"{_DISK_ENCRYPTION}.securityEncryptionType")),
    (_Setting(_DISK_ENCRYPTION), _CONFIDENTIAL),
    (_Setting(f"{_OS_DISK}.diffDiskSettings"), _Setting(f"{_OS_DISK}.caching", ("ReadOnly",))),
    (_ASSIGNED, _Setting("identity.userAssignedIdentities")),
    (_Setting("identity.userAssignedIdentities"), _ASSIGNED),
    (
        _Setting(f"{_WINDOWS}.patchSettings.patchMode", ("Manual",)),
        _Setting(f"{_WINDOWS}.enableAutomaticUpdates", (False,)),
    ),
)
_EXCLUSIVE = (
    (_SPOT, _Setting("capacityReservation"), "reserved capacity is for regular instances"),
    (_Setting(_LINUX), _Setting(_WINDOWS), "an image has one system"),
    (
        _CONFIDENTIAL,
        _Setting("securityProfile.uefiSettings.vTpmEnabled", (False,)),
        "confidential instances have a virtual TPM",
    ),
    (
        _Setting(f"{_WINDOWS}.patchSettings.patchMode", ("AutomaticByOS", "AutomaticByPlatform")),
        _Setting(f"{_WINDOWS}.enableAutomaticUpdates", (False,)),
        "the patch mode needs automatic updates",
    ),
    *(
        (
            _Setting(f"{system}.patchSettings.{mode}", ("AutomaticByPlatform",)),
            _Setting(f"{system}.provisionVMAgent", (False,)),
            "the mode needs the agent",
        )
        for system in (_LINUX, _WINDOWS)
        for mode in ("patchMode", "assessmentMode")
    ),
)


def broken_rules(settings: Mapping[str, Any]) -> Iterator[Broken]:
    """Every rule that merged launch settings break, as its name and what is wrong, in lower case."""
    for path, rule, advice in _REQUIRED:
        if not _at(settings, path):
            yield rule, f"no level gives {path}: {advice}"
    for setting, needed in _NEEDS:
        if setting.holds(settings) and not needed.holds(settings):
            yield "setting-needs-another", f"{setting} needs {needed}: add the one or remove the other"
    for one, other, advice in _EXCLUSIVE:
        if one.holds(settings) and other.holds(settings):
            yield "settings-exclude-each-other", f"{one} and {other} meet: {advice}"
    yield from _image_rules(_at(settings, _IMAGE) or {})
    yield from _login_rules(settings)
    yield from _disk_rules(settings)
    yield from _primary_rules(_at(settings, _INTERFACES) or ())
    yield from _tag_rules(settings.get("tags", {}))


def _at(settings: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for step in path.split("."):
        settings = settings.get(step) if isinstance(settings, Mapping) else None
    return settings


def _image_rules(image: Mapping[str, Any]) -> Iterator[Broken]:
    parts = [name for name in _IMAGE_PARTS if name in image]
    named_by = [*(name for name in _IMAGE_IDS if name in image), *parts[:1]]
    if len(named_by) > 1:
        names = " and ".join(named_by)
        yield "settings-exclude-each-other", f"{names} of imageReference meet: name the image in one way, at one level"
    elif parts and len(parts) < len(_IMAGE_PARTS):
        missing = ", ".join(name for name in _IMAGE_PARTS if name not in image)
        yield "image-incomplete", f"imageReference has {', '.join(parts)}, but no {missing}: name the image completely"


def _login_rules(settings: Mapping[str, Any]) -> Iterator[Broken]:
    if _at(settings, _WINDOWS) is None:
        if not _at(settings, f"{_LINUX}.ssh.publicKeys"):
            advice = (
                "Azure wants an SSH public key for Linux; for Windows give windowsConfiguration, which may be empty"
            )
            yield "login-missing", f"no level gives {_LINUX}.ssh.publicKeys: {advice}"
        return
    name, user = _at(settings, "osProfile.computerName") or "", _at(settings, "osProfile.adminUsername") or ""
    if len(name) > MAX_WINDOWS_COMPUTER_NAME or "." in name or name.isdigit():
        limits = f"at most {MAX_WINDOWS_COMPUTER_NAME} characters, no dot and not digits alone"
        yield "computer-name", f"the computerName {name!r} does not do for Windows, which allows {limits}"
    if len(user) > MAX_WINDOWS_USERNAME:
        yield "admin-name", f"the adminUsername {user!r} has more than Windows' {MAX_WINDOWS_USERNAME} characters"


def _disk_rules(settings: Mapping[str, Any]) -> Iterator[Broken]:
    disks = _at(settings, "storageProfile.dataDisks") or ()
    ultra = [disk["lun"] for disk in disks if _at(disk, "managedDisk.storageAccountType") == "UltraSSD_LRS"]
    if ultra and not _at(settings, "additionalCapabilities.ultraSSDEnabled"):
        message = (
            f"the data disk with lun {ultra[0]} is an Ultra disk: add additionalCapabilities.ultraSSDEnabled: true"
        )
        yield "setting-needs-another", message


def _primary_rules(interfaces: Sequence[Mapping[str, Any]]) -> Iterator[Broken]:
    for what, entries in (
        ("network interfaces", interfaces),
        *(("ipConfigurations", each["properties"]["ipConfigurations"]) for each in interfaces),
    ):
        primary = [each for each in entries if each["properties"].get("primary")]
        if len(entries) > 1 and len(primary) != 1:
            yield "primary", f"{len(primary)} of {len(entries)} {what} are primary: mark exactly one"
        if any(each["properties"].get("privateIPAddressVersion") == "IPv6" for each in primary or entries[:1]):
            yield "primary", f"the primary one of the {what} is IPv6: let it be IPv4, and add the IPv6 one to it"


def _tag_rules(tags: Mapping[str, str]) -> Iterator[Broken]:
    if len(tags) + len(_OWN_TAGS) > MAX_TAGS:
        counted = f"{len(tags)} tags of yours and {len(_OWN_TAGS)} of Worker Manager's"
        yield "too-many-tags", f"there are {counted}, more than Azure's limit of {MAX_TAGS}"
    seen: dict[str, str] = {}
    for name in tags:
        if seen.setdefault(name.lower(), name) != name:
            message = f"the tags {seen[name.lower()]!r} and {name!r} are the same to Azure: keep one of them"
            yield "tags-alike", message
