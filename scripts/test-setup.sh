#!/usr/bin/env bash
# Installs what the tests need besides npm packages. On Debian as root it installs it; elsewhere it says what is missing
# and the tests that need it are skipped with that reason.
set -euo pipefail

packages=()
need() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
need fusermount3 fuse3
need qemu-system-x86_64 qemu-system-x86
need qemu-img qemu-utils
need virsh libvirt-clients
[ -x /usr/sbin/libvirtd ] || packages+=(libvirt-daemon libvirt-daemon-driver-qemu)
need mkfs.xfs xfsprogs
need mkfs.btrfs btrfs-progs
need getfattr attr
need getfacl acl
need rsync rsync
need lsattr e2fsprogs
need setcap libcap2-bin
need tar tar
need python3 python3
need openssl openssl
need make make
need g++ g++
need chromium chromium

if [ "${#packages[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing: ${packages[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
  else
    echo "missing, and tests that need them are skipped: ${packages[*]}"
  fi
fi
if [ ! -e /dev/fuse ]; then
  echo "no /dev/fuse: tests that mount are skipped"
elif [ "$(id -u)" != 0 ] && [ ! -w /dev/fuse ]; then
  echo "/dev/fuse is not writable for this user: tests that mount are skipped"
fi
