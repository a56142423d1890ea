#!/bin/sh
# Makes a small root file system from Debian packages: what Deno's program is
# linked to, the names of root and nobody, and what says that it is Debian.
#
#   debian.sh rootfs ARCHITECTURE FOLDER    the root file system
#   debian.sh unpack PACKAGE FOLDER         one package, without what it depends on
#
# Any user may run it on a Debian machine, for any architecture: apt keeps its
# state in a folder of this script's own, checks Debian's signatures, and
# nothing is installed. SUITE (bookworm), DEBIAN_MIRROR and
# DEBIAN_SECURITY_MIRROR choose where packages come from; without them mirrors
# are those of the machine. With APT_STATE, a folder, the lists of packages are
# fetched once for several calls.
set -eu
umask 022

mode=$1
what=$2
folder=$3
suite=${SUITE:-bookworm}
keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# mirror_of LABEL DEFAULT: where this machine has a part of Debian from.
mirror_of() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI) $(LABEL)' 2>/dev/null |
    awk -v label="$1" -v mirror="$2" \
      '$2 == label { mirror = $1; exit } END { print mirror }'
}

case $mode in
  rootfs) architecture=$what ;;
  unpack) architecture=$(dpkg --print-architecture) ;;
  *) echo "debian.sh: write rootfs or unpack, not \"$mode\"" >&2 && exit 2 ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
state=${APT_STATE:-$scratch}/$architecture
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$folder"
folder=$(cd "$folder" && pwd)
: >"$state/status"
rm -f "$state/cache/archives/"*.deb
mirror=${DEBIAN_MIRROR:-$(mirror_of Debian http://deb.debian.org/debian)}
security=${DEBIAN_SECURITY_MIRROR:-$(mirror_of Debian-Security http://deb.debian.org/debian-security)}
cat >"$state/sources.list" <<SOURCES
deb [signed-by=$keyring] $mirror $suite main
deb [signed-by=$keyring] $mirror $suite-updates main
deb [signed-by=$keyring] $security $suite-security main
SOURCES

# ours COMMAND…: apt-get, with nothing of the machine's but its proxy settings.
ours() {
  apt-get -qq \
    -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
    -o APT::Install-Recommends=false -o APT::Sandbox::User= \
    -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
    -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
    -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    "$@"
}

[ -e "$state/updated" ] || ours update
: >"$state/updated"
cd "$state/cache/archives"
if [ "$mode" = unpack ]; then
  ours download "$what"
  dpkg-deb --extract ./*.deb "$folder"
  exit
fi

# base-files by itself: it depends on an awk, for a script that nobody runs here.
ours install --yes --download-only libc6 libgcc-s1 >/dev/null
ours download base-files

# Debian's directories are links into /usr since bookworm.
for directory in bin lib lib64 sbin; do
  mkdir -p "$folder/usr/$directory"
  ln -sfn "usr/$directory" "$folder/$directory"
done
mkdir -p "$folder/var/lib/dpkg/status.d"
for package in ./*.deb; do
  dpkg-deb --fsys-tarfile "$package" |
    tar -x -C "$folder" --no-same-owner --keep-directory-symlink
  name=$(dpkg-deb --field "$package" Package)
  # Where programs that look for known defects find it.
  {
    dpkg-deb --field "$package"
    echo "Status: install ok installed"
  } >"$folder/var/lib/dpkg/status.d/$name"
done

# What a program that speaks UTF-8 and reads no manual does without.
find "$folder/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$folder"/usr/lib/*/gconv "$folder"/usr/lib/*/audit \
  "$folder"/usr/share/lintian "$folder"/usr/share/base-files \
  "$folder"/usr/share/info "$folder"/usr/share/man "$folder"/etc/update-motd.d
find "$folder/usr/share" -type d -empty -delete

echo 'root:x:0:0:root:/:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >"$folder/etc/passwd"
echo 'root:x:0:
nogroup:x:65534:' >"$folder/etc/group"
echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
