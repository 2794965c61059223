#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# torc-vfio list and inspect, about every device of the host: they say what lspci and sysfs say.
. "$CASES/lib.sh"
. "$CASES/bind.sh"
torc-vfio list --json >list.json
torc-vfio list >list.txt
find /sys/bus/pci/devices -mindepth 1 -printf '%f\n' | sort >devices
jq -r '.[].bdf' list.json | diff devices - || fail "not every device is in the list"
tail -n +2 list.txt | cut -d' ' -f1 | diff devices - || fail "not every device is in the table"

# Driver, group, MSI-X vectors and their table's BAR, MSI vectors, INTx pin, FLR.
jq -r '.[] | [.bdf, .driver // "-", .group, .msix.vectors // "-", .msix.table_bar // "-", .msi.vectors // "-",
	.intx_pin // "-", .flr] | join(" ")' list.json >said
lspci -D -vv | awk '
	function show() { if (bdf != "") print bdf, driver, group, msix, table, msi, pin, flr }
	/^[0-9a-f]/ { show(); bdf = $1; driver = msix = table = msi = pin = "-"; flr = "false" }
	/IOMMU group:/ { group = $NF }
	/Kernel driver in use:/ { driver = $NF }
	/MSI-X: / { match($0, /Count=[0-9]+/); msix = substr($0, RSTART + 6, RLENGTH - 6) }
	/Vector table: BAR=/ { match($0, /BAR=[0-9]+/); table = substr($0, RSTART + 4, RLENGTH - 4) }
	/MSI: / { match($0, /\/[0-9]+ /); msi = substr($0, RSTART + 1, RLENGTH - 2) }
	/Interrupt: pin / { pin = $3 }
	/FLReset\+|AFCap:.*FLR\+/ { flr = "true" }
	END { show() }' >by-lspci
diff by-lspci said || fail "not as lspci says"
jq -r '.[] | select(.reset) | .bdf + ":" + .reset' list.json >said
(cd /sys/bus/pci/devices && grep . ./*/reset_method) | sed 's,^\./,,; s,/reset_method,,' >resets
diff resets said || fail "not the resets of sysfs"

# verdict BDF: whether it can be given to a guest, why not, and what to do.
verdict() {
	jq -r ".[] | select(.bdf == \"$1\") | [.assignable, .reason, .remedy] | map(tostring) | join(\"; \")" list.json
}
[ "$(verdict "$LAB_BDF_NVME_A")" = "true; null; torc-vfio bind $LAB_BDF_NVME_A" ] || fail "$(verdict "$LAB_BDF_NVME_A")"
verdict "$LAB_BDF_E1000" | grep -q '^true; no reset' || fail "$(verdict "$LAB_BDF_E1000")"
verdict 0000:40:00.0 | grep -q '^false; a bridge' || fail "$(verdict 0000:40:00.0)"

# The question of the HOWTO: has it MSI or MSI-X?
torc-vfio inspect "${LAB_BDF_SD#0000:}" >sd
expect sd '^MSI-X +no'
expect sd '^MSI +no'
expect sd '^INTx +pin A'
torc-vfio inspect "$LAB_BDF_NVME_A" >nvme
expect nvme '^NUMA node +1'
expect nvme '^MSI-X +61 vectors, table in BAR 0 at 0x2000'
expect nvme '^SR-IOV +0 of 4 virtual functions'
expect nvme '^verdict +assignable; torc-vfio bind 0000:41:00.0'
torc-vfio inspect "$twin_a" >twin
expect twin "^group .*with $twin_b \\(e1000\\)"
