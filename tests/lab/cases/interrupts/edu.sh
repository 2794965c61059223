#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest that counts what QEMU's edu device sends by MSI, by INTx and by turns: no interrupt is lost or comes twice, and
# DMA arrives; again after its driver came and went, and both again after a reset.
. "$CASES/lib.sh"
launch -v --kernel "$GUESTS/edu" --memory 256M --device "$(device "$LAB_BDF_EDU")"
finish 120
expect_status 0
tr -d '\r' <serial
for line in 'MSI 500' 'MSI-CHANGED 500' 'INTX 500' 'INTX-MASKED 500' 'TURNS 50' 'DMA 4096' DONE; do
	expect serial "^$line"
done
[ "$(grep -c '^DMA 4096' serial)" -eq 8 ] || fail "not each four times"
expect log 'guest: reset'
expect log 'warning: .*the device has no reset; it starts'
expect_not log 'error:'
