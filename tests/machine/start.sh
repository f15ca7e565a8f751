# Lays out a machine in namespaces of its own, and becomes its first process: start.sh ROOT INIT...
#
# Its disk is that of this machine, but what is written to it is in memory and goes away with it. Its
# processes, its network (which has nothing but itself) and its control groups are its own. It cannot
# change the kernel: its settings are read-only, and the rights to change clock and modules are dropped.
set -eu
disk=$1 root=$1/root
shift

mount -t tmpfs -o mode=755 machine "$disk"
mkdir "$disk/written" "$disk/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$disk/written,workdir=$disk/work" machine "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# With this one alone, systemd takes no other hierarchy of groups, whose root would not be its own.
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

# Of services only the journal is started, and what a test starts.
rm -rf "$root"/etc/systemd/system/* "$root"/usr/lib/systemd/system/*.wants \
    "$root/usr/lib/systemd/system/systemd-journald-audit.socket" \
    "$root"/usr/lib/systemd/system-generators/*
mkdir -p "$root/etc/systemd/system" "$root/var/log"
rm -rf "$root/var/log/journal"
printf '[Unit]\nWants=systemd-journald.service\nAfter=systemd-journald.service\n' \
    >"$root/etc/systemd/system/tested.target"
# Else each package that is installed has the index of all manuals made again.
rm -f "$root/var/lib/man-db/auto-update"
# systemd needs its root to be that of the namespace, and mounts to be seen by services.
cd "$root"
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
touch /run/laid-out
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_boot "$@"
