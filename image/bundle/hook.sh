#!/bin/sh
# Runs on the box when a bundle's root has been written to its slot: checks every block of it, then brings kernel, initrd
# and the boot entry. The entry comes last: until it is there the loader knows of no new version.
set -eu
[ "$1" = slot-post-install ] || exit 0
bundle=$RAUC_BUNDLE_MOUNT_POINT slot=$RAUC_SLOT_BOOTNAME
# HASH, OFFSET
. "$bundle/slot.env"

veritysetup verify --hash-offset="$OFFSET" "$RAUC_SLOT_DEVICE" "$RAUC_SLOT_DEVICE" "$HASH"

entries=/efi/loader/entries
last=$(cat "$entries"/causeway-?.conf "$entries"/causeway-?+*.conf 2>/dev/null | sed -n 's/^version //p' | sort -n | tail -n 1)
rm -f "$entries/causeway-$slot".conf "$entries/causeway-$slot"+*.conf
mkdir -p "/efi/$slot"
cp "$bundle/vmlinuz" "$bundle/initrd" "/efi/$slot/"
sync -f /efi
cmp "$bundle/vmlinuz" "/efi/$slot/vmlinuz"
cmp "$bundle/initrd" "/efi/$slot/initrd"
sed -e "s/@SLOT@/$slot/g" -e "s/@INSTALLATION@/$((last + 1))/" "$bundle/entry.conf" >"$entries/new"
sync -f /efi
mv "$entries/new" "$entries/causeway-$slot+3.conf"
sync -f /efi
