/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/config.h"

/* tests/lint/options.py reads the options from the lines that start with two blanks and a dash. */
static const char usage[] =
	"Usage: torc --kernel PATH [OPTION]...\n"
	"Run a Linux guest under KVM, with PCI devices of the host passed through to it.\n"
	"\n"
	"  --kernel PATH            bzImage or PVH ELF kernel; required\n"
	"  --initramfs PATH         initial RAM disk\n"
	"  --cmdline TEXT...        kernel command line; several are joined by a blank\n"
	"  --cpus N | boot=N[,max=N][,topology=T:C:D:P]\n"
	"                           vCPUs, 1 to 255 (default 1), as T threads per core,\n"
	"                           C cores per die, D dies per package, P packages\n"
	"  --memory SIZE | size=SIZE[,thp=on|off]\n"
	"                           guest memory (default 512M), with transparent huge pages\n"
	"                           (default on); SIZE takes K, M, G, T\n"
	"  --disk path=FILE[,readonly=on|off][,direct=on|off][,num_queues=N]\n"
	"         [,queue_size=N][,serial=TEXT][,queue_affinity=[N@[CPU,...],...]]\n"
	"         [,id=NAME]...\n"
	"                           a virtio disk: a raw image or a block device; with\n"
	"                           direct=on past the host's page cache; N queues (default:\n"
	"                           one for each vCPU) of 4 to 1024 entries (default 128)\n"
	"  --net tap=NAME[,ip=ADDRESS][,mask=MASK][,mac=ADDRESS][,mtu=N][,fd=N|[N,...]]\n"
	"        [,num_queues=N][,queue_size=N][,id=NAME]...\n"
	"                           a virtio network device on a TAP interface, which is made if\n"
	"                           it is not there; without value (tap=,ip=,mask=,mac=) torc\n"
	"                           chooses. N queues, two for each pair (default 2), of 2 to\n"
	"                           1024 entries (default 256)\n"
	"  --rng src=PATH           an entropy device that gives the guest what PATH has, for\n"
	"                           instance /dev/urandom\n"
	"  --device path=DIR[,id=NAME]...\n"
	"                           pass a PCI device through: its directory below\n"
	"                           /sys/bus/pci/devices, bound to vfio-pci\n"
	"  --serial off|null|tty|file=PATH\n"
	"                           what the guest's ttyS0 is connected to (default tty)\n"
	"  --console off|null       the virtio console, which torc does not have yet\n"
	"                           (default off)\n"
	"  --platform ring_poll_us=N\n"
	"                           how many microseconds a ring looks for work before it\n"
	"                           sleeps, 0 for never (default: by what that saves here)\n"
	"  --log-file PATH          append the log to a file instead of standard error\n"
	"  --log-format text|json   how log lines look (default text)\n"
	"  -v                       log more: -v information, -vv debugging\n"
	"  -h, --help               print this and exit\n"
	"  -V, --version            print the version and exit\n"
	"\n"
	"On a terminal, Ctrl-A x ends the guest. See torc(1).\n";

void config_usage(FILE *out)
{
	fputs(usage, out);
}
