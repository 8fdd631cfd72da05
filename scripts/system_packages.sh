#!/bin/sh
# Install what Qt and napari need from the system to draw without a screen.
# Debian and Ubuntu only; asks for nothing and touches nothing where it may not.
set -eu

packages="xvfb xauth libgl1 libegl1 libglib2.0-0 libfontconfig1 libdbus-1-3
libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
packages=$(echo $packages)
install="apt-get install --yes --no-install-recommends $packages"

if [ "$(uname -s)" != Linux ]; then
    exit 0 # macOS and Windows bring their own
fi
if ! command -v apt-get >/dev/null; then
    echo "This is not Debian or Ubuntu. The tests of the panels need Xvfb and Qt's"
    echo "libraries; on Debian these are: $packages"
    exit 0
fi

# A simulated installation finds packages under their newer names as well.
missing() {
    plan=$(LC_ALL=C apt-get install --simulate --no-install-recommends $packages 2>&1) ||
        return 0
    echo "$plan" | grep -q '^Inst '
}

if ! missing; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if [ "$(id -u)" = 0 ]; then
    apt-get update --quiet && $install
elif sudo -n true 2>/dev/null; then
    sudo apt-get update --quiet && sudo DEBIAN_FRONTEND=noninteractive $install
else
    echo "napari draws with some system libraries that are missing, and installing them" >&2
    echo "needs rights that you do not have here without a password. Please run" >&2
    echo "    sudo $install" >&2
    echo "and then the same command again." >&2
    exit 1
fi
