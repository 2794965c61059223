#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Give a command to the monitor of the QEMU that the lab's host runs on, from a job in the lab, and print its answer.
# Usage: monitor.sh COMMAND...    e.g. monitor.sh device_del nvme-b
#                                      monitor.sh block_set_io_throttle nvme-a 0 0 0 100 0 0
#                                      monitor.sh pcie_aer_inject_error rp1 SDN
# The devices' ids are the words of run.sh --devices, and those of the root ports in run.sh. An error injected at a root
# port reaches the drivers below it; QEMU's e1000e reports none of its own. Fails if the monitor reports an error.

set -eu
port=$(grep -lx torc.monitor /sys/class/virtio-ports/*/name)
port=${port%/name}
exec 3<>"/dev/${port##*/}"
# QMP; the id tells our answer from greetings and events. The first command is refused when it was given before.
printf '{"execute":"qmp_capabilities"}\n{"execute":"human-monitor-command","arguments":{"command-line":"%s"},"id":"%s"}\n' \
	"$(printf '%s' "$*" | sed 's/[\\"]/\\&/g')" $$ >&3
while read -r answer <&3; do
	case $answer in
	'{"return": "'*"\"id\": \"$$\""*)
		answer=${answer#'{"return": "'}
		printf '%b' "${answer%'", "id"'*}" | tr -d '\r' | sed 's/\\"/"/g'
		case $answer in Error* | "unknown command"*) exit 1 ;; esac
		exit
		;;
	*"\"id\": \"$$\""*)
		printf '%s\n' "$answer" >&2
		exit 1
		;;
	esac
done
