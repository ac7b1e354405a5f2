#!/bin/busybox sh
# The guest's first process: drivers, the host's files, one command, off.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module parameters; do
  # shellcheck disable=SC2086  parameters are several words
  insmod "/modules/$module" $parameters
done < /modules/order
options=trans=virtio,version=9p2000.L,msize=262144
mount -t 9p -o "$options,ro,cache=loose" host /host
for place in proc sys dev; do mount -o bind "/$place" "/host/$place"; done
mount -t tmpfs tmp /host/tmp
mount -t 9p -o "$options" results /host/mnt
xargs -0 -a /host/mnt/command env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 \
  chroot /host > /host/mnt/output 2>&1
echo $? > /host/mnt/status
sync
poweroff -f
