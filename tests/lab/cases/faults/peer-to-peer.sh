#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device moves data into another's BAR and out of it by DMA; with vfio_p2p_dma=off nothing arrives, and both work on.
. "$CASES/lib.sh"
. "$CASES/faults.sh"
dma_guest --device "$(device "$LAB_BDF_EDU")" "$(device "$ivshmem")"
expect serial '^TO-PEER 1024\b'
expect serial '^FROM-PEER 1024\b'
[ "$(nr_faults)" -eq 0 ] || fail "$(nr_faults) faults: $(faults)"
dma_guest --platform vfio_p2p_dma=off --device "$(device "$LAB_BDF_EDU")" "$(device "$ivshmem")"
expect serial '^TO-PEER 0\b'
expect serial '^FROM-PEER 0\b'
[ "$(nr_faults)" -ge 1 ] || fail "no fault"
