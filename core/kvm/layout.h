/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Layout: the guest physical address map and the I/O ports that are not a device's to choose.
 */
#ifndef CORE_KVM_LAYOUT_H
#define CORE_KVM_LAYOUT_H

#include "core/base/bits.h"

/* Below 1 MiB: what the boot code leaves for the guest kernel. */
#define LAYOUT_GDT	   0x500ULL
#define LAYOUT_ZERO_PAGE   0x7000ULL /* boot_params, or the PVH start info */
#define LAYOUT_PVH_MEMMAP  0x7800ULL
#define LAYOUT_PAGETABLES  0x9000ULL  /* PML4, PDPT and four page directories: 6 pages */
#define LAYOUT_CMDLINE	   0x20000ULL /* up to 64 KiB */
#define LAYOUT_CMDLINE_MAX 0x10000ULL
#define LAYOUT_EBDA	   0x9fc00ULL /* end of usable low memory */
#define LAYOUT_ACPI	   0xe0000ULL /* RSDP first, then all tables; up to 1 MiB */
#define LAYOUT_ACPI_SIZE   0x1fff0ULL
#define LAYOUT_RESET_CODE  0xffff0ULL /* where real mode starts: 16 bytes up to 1 MiB */
#define LAYOUT_HIGH_RAM	   0x100000ULL

/* The gap between GUEST_LOW_END and 4 GiB. */
#define LAYOUT_MMIO32	    0xc0000000ULL
#define LAYOUT_MMIO32_SIZE  0x28000000ULL /* 640 MiB for 32-bit BARs */
#define LAYOUT_ECAM	    0xe8000000ULL
#define LAYOUT_ECAM_SIZE    0x00100000ULL /* of each root bus */
#define LAYOUT_IOAPIC	    0xfec00000ULL
#define LAYOUT_LAPIC	    0xfee00000ULL
#define LAYOUT_IDENTITY_MAP 0xfffbc000ULL /* KVM's, for Intel CPUs without unrestricted guest */
#define LAYOUT_TSS	    0xfffbd000ULL /* three pages, likewise */

/* Ports. */
#define LAYOUT_PORT_PCI_ADDRESS	   0xcf8
#define LAYOUT_PORT_PCI_DATA	   0xcfc
#define LAYOUT_PORT_RESET	   0xcf9
#define LAYOUT_PORT_SLEEP_CONTROL  0x600
#define LAYOUT_PORT_SLEEP_STATUS   0x601
#define LAYOUT_PORT_HOTPLUG	   0x620 /* 16 for each PCI root bus */
#define LAYOUT_PORT_COM1	   0x3f8
#define LAYOUT_PORT_IO_WINDOW	   0x1000 /* for I/O BARs */
#define LAYOUT_PORT_IO_WINDOW_SIZE 0xe000

/* GSIs: 0-23 are the I/O APIC's pins. */
#define LAYOUT_GSI_COM1	       4
#define LAYOUT_GSI_PCI_INTX    16 /* four of them, by (device + pin) mod 4 */
#define LAYOUT_GSI_HOTPLUG     20
#define LAYOUT_GSI_IOAPIC_PINS 24

#endif
