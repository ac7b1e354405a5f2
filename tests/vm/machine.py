"""A QEMU guest with a v4l2loopback camera: Debian's kernel, the driver built for it, and the host's files read-only.

Nothing is installed: packages are fetched by their exact names and unpacked under one folder. No KVM is used.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "depmod": "kmod",
    "modprobe": "kmod",
    "ffmpeg": "ffmpeg",
    "gcc": "gcc",
    "make": "make",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
"""Programs of the host, and the packages of Debian 12 they are in."""

DEVICE = "/dev/video10"
LABEL = "Avatar"
_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "v4l2loopback")
_KERNEL_PARTS = (
    "./boot/vmlinuz-*",
    "./lib/modules/*/modules.*",
    *(f"./lib/modules/*/kernel/{part}/*" for part in ("drivers/virtio", "drivers/media", "fs", "net/9p")),
)
_INIT = Path(__file__).with_name("init.sh")
_BOOT_S = 240


class GuestFailed(Exception):
    """The guest could not be built or did not come to its end; the message says what to do."""


def missing() -> str:
    """What must be installed first, in words; empty when nothing."""
    packages = {package for program, package in NEEDED.items() if not _found(program)}
    return f"install {' '.join(sorted(packages))}: sudo apt install {' '.join(sorted(packages))}" if packages else ""


def build(folder: Path) -> None:
    """Fetch and unpack the kernel, build the driver, pack the initramfs; what is there already stays."""
    if (folder / "initrd.gz").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (image,) = _depends("linux-image-amd64", r"linux-image-[\d.-]+-amd64")
    release = image.removeprefix("linux-image-")
    headers = f"linux-headers-{release}"
    packages = [image, headers, *_depends(headers, r"linux-(?:headers-.*-common|kbuild-.*|compiler-gcc-.*)")]
    packages += ["v4l2loopback-dkms", "busybox-static"]
    root = folder / "root"
    for package in packages:
        _unpack(package, folder, root, _KERNEL_PARTS if package == image else ())
    _build_driver(root, release)
    shutil.copy(next(root.glob("boot/vmlinuz-*")), folder / "vmlinuz")
    _pack_initramfs(folder, root, release)
    shutil.rmtree(root)


def boot(folder: Path, command: Sequence[str]) -> Path:
    """Run `command` in the guest, in the host's files; returns the folder it saw as /mnt.

    Raises:
        GuestFailed: It did not end by itself, or with an error; the message holds what it said.
    """
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    (results / "command").write_text("\0".join(command))
    console = folder / "console.log"
    share = "security_model=none,multidevs=remap"
    arguments = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048"]
    arguments += ["-nic", "none", "-display", "none", "-no-reboot", "-serial", f"file:{console}"]
    arguments += ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.gz")]
    arguments += ["-append", "console=ttyS0 quiet panic=-1"]
    arguments += ["-virtfs", f"local,path=/,mount_tag=host,readonly=on,{share}"]
    arguments += ["-virtfs", f"local,path={results},mount_tag=results,{share}"]
    try:
        _run(arguments, timeout_s=_BOOT_S)
    except subprocess.TimeoutExpired as error:
        raise GuestFailed(f"the guest had not ended after {_BOOT_S} s; {_tail(console)}") from error
    status = results / "status"
    if not status.exists() or status.read_text().strip() != "0":
        raise GuestFailed(f"the guest failed; {_tail(results / 'output', console)}")
    return results


def _found(program: str) -> bool:
    return shutil.which(program) is not None or Path("/usr/sbin", program).exists()


def _run(arguments: Sequence[str], *, cwd: Path | None = None, timeout_s: float = 120.0) -> str:
    """The output of a program; raises `GuestFailed` with it when that ends with an error."""
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(
        arguments, cwd=cwd, env=path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise GuestFailed(f"{' '.join(arguments[:4])} … failed:\n{done.stdout[-2_000:]}")
    return done.stdout


def _depends(package: str, pattern: str) -> list[str]:
    """The exact names of what a package depends on and `pattern` matches."""
    lines = _run(["apt-cache", "depends", "--important", package]).splitlines()
    names = [line.split()[-1] for line in lines if "Depends:" in line]
    found = [name for name in names if re.fullmatch(pattern, name)]
    if not found:
        raise GuestFailed(
            f"{package} is not known here: run apt-get update; this test needs Debian's own kernel packages"
        )
    return found


def _unpack(package: str, folder: Path, root: Path, parts: Sequence[str]) -> None:
    """Fetch one package and unpack it, or only `parts` of it."""
    # By its exact name: a pattern fetches every kernel there is.
    downloads = folder / "downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir()
    _run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package], cwd=downloads)
    (archive,) = downloads.glob("*.deb")
    root.mkdir(exist_ok=True)
    if not parts:
        _run(["dpkg-deb", "-x", str(archive), str(root)])
    else:
        tar = downloads / "tar"
        with tar.open("wb") as out:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=out, check=True, timeout=120)
        _run(["tar", "-x", "-f", str(tar), "-C", str(root), "--wildcards", *parts])
    shutil.rmtree(downloads)


def _build_driver(root: Path, release: str) -> None:
    headers = root / "usr/src" / f"linux-headers-{release}"
    for makefile in (headers / "Makefile", headers / ".config"):  # made to stand at the root of the system
        makefile.write_text(re.sub(r"(?<![\w/])/usr/(src|lib)/linux-", rf"{root}/usr/\1/linux-", makefile.read_text()))
    (source,) = root.glob("usr/src/v4l2loopback-*")
    _run(["make", "-s", "-C", str(headers), f"M={source}", "modules"])
    target = root / "lib/modules" / release / "updates"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "v4l2loopback.ko", target)
    _run(["depmod", "-b", str(root), release])


def _pack_initramfs(folder: Path, root: Path, release: str) -> None:
    tree = folder / "initrd"
    shutil.rmtree(tree, ignore_errors=True)
    for directory in ("bin", "dev", "proc", "sys", "host", "modules"):
        (tree / directory).mkdir(parents=True)
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    shutil.copy(_INIT, tree / "init")
    (tree / "init").chmod(0o755)
    order: list[str] = []
    for module in _MODULES:
        for line in _run(["modprobe", "-d", str(root), "-S", release, "--show-depends", module]).splitlines():
            if line.startswith("insmod"):
                path = Path(line.split()[1])
                if path.name not in order:
                    order.append(path.name)
                    shutil.copy(path, tree / "modules")
    parameters = f" video_nr={DEVICE.removeprefix('/dev/video')} exclusive_caps=1 card_label={LABEL}"
    order = [name + (parameters if name == "v4l2loopback.ko" else "") for name in order]
    (tree / "modules/order").write_text("\n".join(order) + "\n")
    packed = folder / "initrd.gz"
    busybox = root / "bin/busybox"
    _run(["sh", "-c", f"find . | {busybox} cpio -o -H newc | gzip -1 > {packed}.part"], cwd=tree)
    packed.with_name("initrd.gz.part").rename(packed)
    shutil.rmtree(tree)


def _tail(*files: Path) -> str:
    texts = [f"{path.name}:\n{path.read_text(errors='replace')[-3_000:]}" for path in files if path.exists()]
    return "\n".join(texts) or "it said nothing"
