#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vhost=on without vhost-net, or without permission for it: torc names the file and the command that is enough.
. "$CASES/lib.sh"
. "$CASES/refuse.sh"
modprobe tun
mode=$(stat -c %a /dev/net/tun)
trap 'set +e; cleanup; ip link delete torc0; chmod $mode /dev/net/tun; restore' EXIT
chmod 666 /dev/net/tun
as_nobody unlimited
ip tuntap add torc0 mode tap user 65534 vnet_hdr
ip link set torc0 up
refused 1 'network device _net0: /dev/vhost-net' 'No such file' 'modprobe vhost_net' --net tap=torc0,vhost=on
do_remedy
loaded=vhost_net
refused 1 'network device _net0: /dev/vhost-net' 'Permission denied' 'chown \$USER /dev/vhost-net' \
	--net tap=torc0,vhost=on
starts --net tap=torc0
chown 65534 /dev/vhost-net
starts --net tap=torc0,vhost=on
