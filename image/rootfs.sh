#!/bin/sh
# rootfs.sh ROOT - last step of the base system, run by mmdebstrap outside of the root with apt set up for it.
#
# Adds the kernel, the users of the box, and takes out what would differ between two builds or is of no use on a box.
# ARCH is Debian's name of the architecture.
set -eu
root=$1
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"

# The kernel package is unpacked and not installed: its scripts want a generator of initrds, and ours is made elsewhere.
kernel=$(apt-cache depends "linux-image-$ARCH" | sed -n 's/^  Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$kernel")
dpkg-deb --fsys-tarfile "$work"/*.deb | tar -C "$root" --no-same-owner --keep-directory-symlink -xf -
rm -rf "$root"/boot/System.map* "$root"/usr/share/bug
release=$(ls "$root/usr/lib/modules")
modules="$root/usr/lib/modules/$release/kernel"
# A box has no screen, radio, tuner or sound card, mounts nobody's file system but its own, and speaks the protocols it needs.
for kind in drivers/gpu drivers/media drivers/net/wireless drivers/infiniband drivers/staging drivers/iio drivers/net/can \
    drivers/isdn drivers/bluetooth drivers/nfc drivers/video drivers/input/joystick drivers/input/touchscreen sound net/bluetooth net/mac80211 \
    net/wireless net/atm net/batman-adv net/ceph net/dccp net/rds net/rxrpc net/sctp net/sunrpc net/tipc drivers/accel drivers/atm \
    drivers/comedi drivers/target fs/afs fs/bcachefs fs/btrfs fs/ceph fs/f2fs fs/gfs2 fs/nfs fs/nfsd fs/ocfs2 fs/smb fs/ubifs fs/xfs; do
    rm -rf "${modules:?}/$kind"
done
# The root is compressed as it is; unpacked twice, modules cost a slow machine seconds of its start.
find "$modules" -name '*.ko.xz' -exec unxz {} +
depmod -b "$root/usr" "$release" 2>/dev/null || depmod -b "$root" "$release"
printf '%s\n' "$kernel $(dpkg-deb -f "$work"/*.deb Version)" >"$root/usr/lib/causeway-kernel"

# Fixed numbers: files on the data partition keep their owners from one version to the next.
chroot "$root" groupadd --system --gid 900 causeway
chroot "$root" useradd --system --uid 900 --gid 900 --home-dir /var/lib/causeway --no-create-home --shell /usr/sbin/nologin causeway
chroot "$root" groupadd --system --gid 901 admin
chroot "$root" useradd --system --uid 901 --gid 901 --home-dir /var/lib/admin --no-create-home --shell /usr/lib/causeway/console admin
# Nobody logs in with a password, root not at all: `!` and `*` match none.
sed -i 's/^\([^:]*\):[^:]*:/\1:!*:/' "$root/etc/shadow"

echo causeway >"$root/etc/hostname"
: >"$root/etc/machine-id"
# The names of all the world's hardware, in the form that is compiled and in the one that is not.
rm -rf "$root"/usr/lib/udev/hwdb.d "$root"/usr/lib/udev/hwdb.bin
rm -rf "$root/var/lib/dbus/machine-id" "$root"/var/cache/* "$root"/var/lib/apt "$root"/var/log/* "$root"/etc/ssh/ssh_host_* \
    "$root"/etc/shadow- "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/gshadow- "$root"/etc/subuid- "$root"/etc/subgid-
