/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/config/config.h"
#include "tests/unit/config_line.h"

#define DEV	 "/sys/bus/pci/devices/0000:01:00.0"
#define PATH_27	 "/a-folder-of-such-a-length-"
#define PATH_107 PATH_27 PATH_27 PATH_27 "/and-the-name-of-a-socket-"
#define DEV2	 "/sys/bus/pci/devices/0000:02:00.0"

static void defaults_are_cloud_hypervisors_except_for_the_console(void **state)
{
	struct config c = line_good("--kernel /boot/vmlinux");

	assert_int_equal(c.action, CONFIG_RUN);
	assert_string_equal(c.kernel, "/boot/vmlinux");
	assert_null(c.initramfs);
	assert_string_equal(c.cmdline, "");
	assert_int_equal(c.cpus.boot, 1);
	assert_int_equal(c.cpus.topology.packages, 0);
	assert_int_equal(c.memory.size, 512 * MIB);
	assert_true(c.memory.backing.thp);
	assert_int_equal(c.serial.mode, LINE_TTY);
	assert_int_equal(c.console.mode, LINE_OFF);
	assert_int_equal(c.nr_devices, 0);
	assert_int_equal(c.log.level, LOG_LEVEL_NOTICE);
	assert_false(c.log.json);
	assert_null(c.log.path);
	config_destroy(&c);
}

static void the_howto_line_is_taken(void **state)
{
	struct config c = line_good(
		"--kernel /root/vmlinux --disk path=focal-server.raw --console off --serial tty --cmdline "
		"console=ttyS0~root=/dev/vda1~rw --cpus 4 --memory size=512M "
		"--device path=" DEV "/");

	assert_string_equal(c.cmdline, "console=ttyS0 root=/dev/vda1 rw");
	assert_int_equal(c.cpus.boot, 4);
	assert_int_equal(c.nr_devices, 1);
	assert_string_equal(c.device[0].path, DEV "/");
	assert_string_equal(c.device[0].id, "_vfio1");
	assert_int_equal(c.nr_disks, 1);
	assert_string_equal(c.disk[0].file.path, "focal-server.raw");
	assert_string_equal(c.disk[0].id, "_disk0");
	config_destroy(&c);
}

static void cmdline_values_and_occurrences_are_joined_by_a_blank(void **state)
{
	struct config c = line_good("--cmdline a b=c --kernel=k --cmdline '' --cmdline=d");

	assert_string_equal(c.cmdline, "a b=c d");
	config_destroy(&c);
	c = line_good("--kernel k --cmdline=--x");
	assert_string_equal(c.cmdline, "--x");
	config_destroy(&c);
}

static void cpus_take_a_number_or_keys(void **state)
{
	struct config c = line_good("--kernel k --cpus 255");

	assert_int_equal(c.cpus.boot, 255);
	config_destroy(&c);
	c = line_good("--kernel k --cpus max=8,topology=2:1:2:2,boot=8");
	assert_int_equal(c.cpus.boot, 8);
	assert_int_equal(c.cpus.topology.threads_per_core, 2);
	assert_int_equal(c.cpus.topology.cores_per_die, 1);
	assert_int_equal(c.cpus.topology.dies_per_package, 2);
	assert_int_equal(c.cpus.topology.packages, 2);
	config_destroy(&c);
	c = line_good("--kernel k --cpus 2,max=2");
	assert_int_equal(c.cpus.boot, 2);
	assert_false(c.cpus.idle_in_guest);
	assert_true(c.cpus.nested && c.cpus.pmu);
	config_destroy(&c);
	c = line_good("--kernel k --cpus nested=off,pmu=off");
	assert_false(c.cpus.nested || c.cpus.pmu);
	config_destroy(&c);
	c = line_good("--kernel k --cpus idle=guest");
	assert_int_equal(c.cpus.boot, 1);
	assert_true(c.cpus.idle_in_guest);
	config_destroy(&c);
	c = line_good("--kernel k --cpus idle=host");
	assert_false(c.cpus.idle_in_guest);
	config_destroy(&c);
}

static void sizes_take_each_suffix(void **state)
{
	static const struct {
		const char *line;
		uint64_t size;
	} row[] = {
		{ "--kernel k --memory 67108864", 64 * MIB },
		{ "--kernel k --memory 65536K", 64 * MIB },
		{ "--kernel k --memory 66M", 66 * MIB },
		{ "--kernel k --memory size=3G", 3 * GIB },
		{ "--kernel k --memory size=4096T", 4096ULL * 1024 * GIB },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		struct config c = line_good(row[i].line);

		assert_int_equal(c.memory.size, row[i].size);
		assert_true(c.memory.backing.thp);
		config_destroy(&c);
	}
}

static void thp_is_a_switch(void **state)
{
	static const char *const off[] = { "1G,thp=off", "thp=false,size=1G" };

	for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
		char line[64];
		struct config c;

		snprintf(line, sizeof(line), "--kernel k --memory %s", off[i]);
		c = line_good(line);
		assert_false(c.memory.backing.thp);
		assert_int_equal(c.memory.size, GIB);
		config_destroy(&c);
	}
}

static void serial_and_console_modes(void **state)
{
	struct config c = line_good("--kernel k --serial file=/tmp/a,b=c --console null");

	assert_int_equal(c.serial.mode, LINE_FILE);
	assert_string_equal(c.serial.path, "/tmp/a,b=c");
	assert_int_equal(c.console.mode, LINE_NULL);
	config_destroy(&c);
	c = line_good("--kernel k --serial off");
	assert_int_equal(c.serial.mode, LINE_OFF);
	config_destroy(&c);
	c = line_good("--kernel k --serial pty");
	assert_int_equal(c.serial.mode, LINE_PTY);
	config_destroy(&c);
	c = line_good("--kernel k --serial socket=" PATH_107);
	assert_int_equal(c.serial.mode, LINE_SOCKET);
	assert_int_equal(strlen(c.serial.path), LINE_MAX_SOCKET_PATH);
	config_destroy(&c);
	c = line_good("--kernel k --serial socket=/a,b,mode=0660 --console file=/c");
	assert_string_equal(c.serial.path, "/a,b");
	assert_int_equal(c.serial.access, 0660);
	assert_int_equal(c.console.access, 0);
	config_destroy(&c);
	c = line_good("--kernel k --serial null");
	assert_int_equal(c.serial.mode, LINE_NULL);
	config_destroy(&c);
}

static void devices_follow_one_option_or_several(void **state)
{
	struct config c = line_good("--device path=/a id=x,path=/b/ --kernel k --device path=/c");

	assert_int_equal(c.nr_devices, 3);
	assert_string_equal(c.device[0].path, "/a");
	assert_string_equal(c.device[1].path, "/b/");
	assert_string_equal(c.device[1].id, "x");
	assert_string_equal(c.device[2].path, "/c");
	config_destroy(&c);
}

static void default_ids_pass_over_those_that_were_given(void **state)
{
	struct config c =
		line_good("--kernel k --device path=/a path=/b path=/c,id=_vfio1 path=/d");

	assert_string_equal(c.device[0].id, "_vfio0");
	assert_string_equal(c.device[1].id, "_vfio2");
	assert_string_equal(c.device[2].id, "_vfio1");
	assert_string_equal(c.device[3].id, "_vfio3");
	config_destroy(&c);
}

static void default_ids_have_one_count(void **state)
{
	struct config c = line_good("--kernel k --device path=/a --net tap=t ip=10.0.0.1 --disk "
				    "path=/b path=/c,id=_net2 path=/d");

	assert_string_equal(c.disk[0].id, "_disk0");
	assert_string_equal(c.disk[1].id, "_net2");
	assert_string_equal(c.disk[2].id, "_disk1");
	assert_string_equal(c.net[0].id, "_net3");
	assert_string_equal(c.net[1].id, "_net4");
	assert_string_equal(c.device[0].id, "_vfio5");
	config_destroy(&c);
}

static void disks_are_read(void **state)
{
	struct config c =
		line_good("--kernel k --disk path=/a path=/b,readonly=on,direct=on,num_queues=3,"
			  "queue_size=256,serial=s,id=_disk0 --disk path=/c,id=x");

	assert_int_equal(c.nr_disks, 3);
	assert_string_equal(c.disk[0].file.path, "/a");
	assert_string_equal(c.disk[0].id, "_disk1");
	assert_null(c.disk[0].serial);
	assert_false(c.disk[0].file.readonly || c.disk[0].file.direct);
	assert_int_equal(c.disk[0].nr_queues, c.cpus.boot);
	assert_int_equal(c.disk[0].entries, 128);
	assert_true(c.disk[1].file.readonly && c.disk[1].file.direct);
	assert_int_equal(c.disk[1].nr_queues, 3);
	assert_int_equal(c.disk[1].entries, 256);
	assert_string_equal(c.disk[1].serial, "s");
	assert_string_equal(c.disk[1].id, "_disk0");
	assert_string_equal(c.disk[2].id, "x");
	config_destroy(&c);
	c = line_good("--kernel k --disk path=/a,queue_affinity=[1@[0,2-4],0@[7]],id=x --platform "
		      "ring_poll_us=0");
	assert_int_equal(c.disk[0].affinity.nr, 2);
	assert_int_equal(c.disk[0].affinity.list[0].index, 1);
	assert_int_equal(CPU_COUNT(&c.disk[0].affinity.list[0].cpus), 4);
	assert_true(CPU_ISSET(3, &c.disk[0].affinity.list[0].cpus));
	assert_int_equal(c.disk[0].affinity.list[1].index, 0);
	assert_true(CPU_ISSET(7, &c.disk[0].affinity.list[1].cpus));
	assert_string_equal(c.disk[0].id, "x");
	assert_int_equal(c.ring_poll_us, 0);
	config_destroy(&c);
	c = line_good("--kernel k --platform ring_poll_us=200");
	assert_int_equal(c.ring_poll_us, 200);
	config_destroy(&c);
}

static void nets_are_read(void **state)
{
	static const uint8_t mac[] = { 2, 0xab, 0, 0, 0, 1 };
	struct config c =
		line_good("--kernel k --net tap=,mac=,ip=,mask= --net tap=t0,ip=10.0.0.1,"
			  "mask=255.255.0.0,mac=02:ab:00:00:00:01,mtu=9000,num_queues=8,"
			  "queue_size=512,id=n fd=[5,3],vhost=on fd=4,mac=02:ab:00:00:00:01");

	assert_int_equal(c.nr_nets, 4);
	assert_null(c.net[0].tap.name);
	assert_false(c.net[0].mac.is_set);
	assert_string_equal(c.net[0].id, "_net0");
	assert_int_equal(c.net[0].tap.ip.s_addr, 0);
	assert_int_equal(c.net[0].tap.nr_pairs, 1);
	assert_int_equal(c.net[0].entries, 256);
	assert_string_equal(c.net[1].tap.name, "t0");
	assert_string_equal(c.net[1].id, "n");
	assert_int_equal(ntohl(c.net[1].tap.ip.s_addr), 0x0a000001);
	assert_int_equal(ntohl(c.net[1].tap.mask.s_addr), 0xffff0000);
	assert_true(c.net[1].mac.is_set);
	assert_memory_equal(c.net[1].mac.byte, mac, sizeof(mac));
	assert_int_equal(c.net[1].tap.mtu, 9000);
	assert_int_equal(c.net[1].tap.nr_pairs, 4);
	assert_int_equal(c.net[1].entries, 512);
	assert_int_equal(c.net[2].fds.nr, 2);
	assert_int_equal(c.net[2].tap.nr_pairs, 2);
	assert_int_equal(c.net[2].fds.fd[0], 5);
	assert_int_equal(c.net[2].fds.fd[1], 3);
	assert_int_equal(c.net[3].fds.nr, 1);
	assert_false(c.net[0].vhost);
	assert_true(c.net[2].vhost);
	config_destroy(&c);
}

static void values_between_double_quotes_may_have_commas(void **state)
{
	struct config c =
		line_good("--kernel k --disk path=\"/a,[b\"\"c\",readonly=on path=/d\",\"e");

	assert_string_equal(c.disk[0].file.path, "/a,[b\"c");
	assert_true(c.disk[0].file.readonly);
	assert_string_equal(c.disk[1].file.path, "/d,e");
	config_destroy(&c);
}

static void bars_can_be_kept_from_the_guest_and_from_peers(void **state)
{
	struct config c =
		line_good("--kernel k --device path=/a,x_exclude_mmap_bars=[0,2-3],iommu=off");

	assert_int_equal(c.device[0].unmapped_bars, 0x0d);
	assert_true(c.p2p);
	config_destroy(&c);
	c = line_good("--kernel k --device path=/a --platform vfio_p2p_dma=off");
	assert_int_equal(c.device[0].unmapped_bars, 0);
	assert_false(c.p2p);
	config_destroy(&c);
}

static void what_asks_for_nothing_that_torc_lacks_is_taken(void **state)
{
	struct config c = line_good(
		"--kernel k --cpus 2,kvm_hyperv=off,core_scheduling=off "
		"--memory 1G,hotplug_method=acpi,hotplug_size=0,hotplugged_size=0,reserve=false "
		"--disk path=/a,image_type=raw,sparse=on,backing_files=off,vhost_user=false,"
		"lock_granularity=full,iommu=off,pci_segment=0 "
		"--net tap=t,offload_tso=on,offload_ufo=true,offload_csum=on,iommu=off "
		"--device path=/b,iommu=false --rng src=/c,iommu=off "
		"--console file=/d,e,iommu=off,mode=0640,pci_segment=0 --serial file=\"/f,mode=x\",mode=0600 "
		"--platform num_pci_segments=1,iommufd=off,tdx=off");

	assert_int_equal(c.memory.size, GIB);
	assert_true(c.disk[0].file.is_raw);
	assert_string_equal(c.console.path, "/d,e");
	assert_string_equal(c.serial.path, "/f,mode=x");
	assert_int_equal(c.serial.access, 0600);
	assert_int_equal(c.console.access, 0640);
	config_destroy(&c);
}

static void interrupts_can_go_through_rings(void **state)
{
	struct config c =
		line_good("--kernel k --device path=/a,trace=ring path=/b,trace=off path=/c");

	assert_true(c.device[0].trace_by_ring);
	assert_false(c.device[1].trace_by_ring);
	assert_false(c.device[2].trace_by_ring);
	config_destroy(&c);
}

/* Lines longer than a word may be many: devices by the hundred. */
static void add_many(char *line, size_t size, const char *option, const char *path, unsigned nr)
{
	size_t at = strlen(line);

	at += (size_t)snprintf(line + at, size - at, " %s", option);
	for (unsigned i = 0; i < nr; i++)
		at += (size_t)snprintf(line + at, size - at, " path=%s%u", path, i);
}

static void as_many_devices_as_there_may_be_and_no_more(void **state)
{
	static char line[16384];
	struct error err = { 0 };
	struct config c;

	strcpy(line, "--kernel k");
	add_many(line, sizeof(line), "--device", "/", CONFIG_MAX_PASSED);
	add_many(line, sizeof(line), "--disk", "/d", CONFIG_MAX_DEVICES - CONFIG_MAX_PASSED);
	c = line_good(line);
	assert_int_equal(c.nr_devices, CONFIG_MAX_PASSED);
	assert_int_equal(c.nr_disks, CONFIG_MAX_DEVICES - CONFIG_MAX_PASSED);
	assert_string_equal(c.disk[480].id, "_disk480");
	config_destroy(&c);
	strcat(line, " path=/x");
	assert_int_equal(line_parse(&c, line, &err), -EINVAL);
	assert_non_null(strstr(err.reason, "more than 512 devices"));
	strcpy(strstr(line, " path=/x"), " --console null");
	assert_int_equal(line_parse(&c, line, &err), -EINVAL);
	assert_non_null(strstr(err.reason, "more than 512 devices"));
	strcpy(strstr(line, " --console"), " --rng src=/r");
	assert_int_equal(line_parse(&c, line, &err), -EINVAL);
	assert_non_null(strstr(err.reason, "more than 512 devices"));
	strcpy(strstr(line, " path=/d480"), " --rng src=/r");
	c = line_good(line);
	config_destroy(&c);
	strcpy(strstr(line, " --rng"), " --console null");
	c = line_good(line);
	assert_int_equal(c.console.mode, LINE_NULL);
	config_destroy(&c);
	strcpy(line, "--kernel k");
	add_many(line, sizeof(line), "--device", "/", CONFIG_MAX_PASSED + 1);
	assert_int_equal(line_parse(&c, line, &err), -EINVAL);
	assert_string_equal(err.reason, "more than 31");
}

/* As in Cloud Hypervisor, where whoever says --console tty finds the console on the terminal. */
static void console_takes_the_terminal_from_a_serial_port_that_was_not_asked_for(void **state)
{
	struct config c = line_good("--kernel k --console tty");

	assert_int_equal(c.console.mode, LINE_TTY);
	assert_int_equal(c.serial.mode, LINE_NULL);
	config_destroy(&c);
	c = line_good("--kernel k --serial off --console tty");
	assert_int_equal(c.serial.mode, LINE_OFF);
	config_destroy(&c);
	c = line_good("--kernel k --console pty");
	assert_int_equal(c.console.mode, LINE_PTY);
	assert_int_equal(c.serial.mode, LINE_TTY);
	config_destroy(&c);
	c = line_good("--kernel k --console file=/a --serial file=/b");
	assert_string_equal(c.console.path, "/a");
	config_destroy(&c);
}

static void v_counts(void **state)
{
	static const struct {
		const char *line;
		enum log_level level;
	} row[] = {
		{ "-v --kernel k", LOG_LEVEL_INFO },
		{ "--kernel k -vv", LOG_LEVEL_DEBUG },
		{ "-v --kernel k -v", LOG_LEVEL_DEBUG },
		{ "--kernel k -vvvv", LOG_LEVEL_DEBUG },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		struct config c = line_good(row[i].line);

		assert_int_equal(c.log.level, row[i].level);
		config_destroy(&c);
	}
}

static void log_options(void **state)
{
	struct config c = line_good("--kernel k --log-file /tmp/l --log-format json");

	assert_string_equal(c.log.path, "/tmp/l");
	assert_true(c.log.json);
	config_destroy(&c);
	c = line_good("--kernel k --log-format text");
	assert_false(c.log.json);
	config_destroy(&c);
}

static void help_and_version_need_nothing_else(void **state)
{
	static const struct {
		const char *line;
		enum config_action action;
	} row[] = {
		{ "--help", CONFIG_HELP },	 { "-h", CONFIG_HELP },
		{ "-vh", CONFIG_HELP },		 { "--kernel k --help --nonsense", CONFIG_HELP },
		{ "--version", CONFIG_VERSION }, { "-V", CONFIG_VERSION },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		struct config c = line_good(row[i].line);

		assert_int_equal(c.action, row[i].action);
		assert_non_null(c.cmdline);
		config_destroy(&c);
	}
}

static const struct bad_line bad_words[] = {
	{ "", "option --kernel", "missing", "--kernel /boot/vmlinuz" },
	{ "-v", "option --kernel", "missing", "torc --help" },
	{ "vmlinux", "word vmlinux", "belongs to no option", "--kernel PATH" },
	{ "vmlinux --kernel k", "word vmlinux", "belongs to no option", "" },
	{ "-v vmlinux", "word vmlinux", "belongs to no option", "" },
	{ "--kernel k -- x", "word x", "belongs to no option", "" },
	{ "--kernel a b", "option --kernel", "takes one value, and \"b\"", "quote" },
	{ "--kernel a --kernel b", "option --kernel", "given twice", "leave one" },
	{ "--kernel k --cpus 1 --cpus 1", "option --cpus", "given twice", "" },
	{ "--kernel", "option --kernel", "has no value", "--kernel /boot/vmlinuz" },
	{ "--kernel --cpus 4", "option --kernel", "has no value", "--kernel=VALUE" },
	{ "--kernel k --cmdline -- init", "option --cmdline", "has no value", "--cmdline=VALUE" },
	{ "--kernel ''", "option --kernel", "empty value", "/boot/vmlinuz" },
	{ "--kernel=", "option --kernel", "empty value", "" },
	{ "--kernel k --memory ''", "option --memory", "empty value", "size=512M" },
	{ "--kernel k --device ''", "option --device", "empty value", "path=/sys" },
	{ "--memry 1G", "option --memry", "unknown", "did you mean --memory?" },
	{ "--memry=1G", "option --memry", "unknown", "did you mean --memory?" },
	{ "--kern k", "option --kern", "unknown", "did you mean --kernel?" },
	{ "--k k", "option --k", "unknown", "torc --help" },
	{ "--log x", "option --log", "unknown", "torc --help" },
	{ "--hel", "option --hel", "unknown", "did you mean --help?" },
	{ "--device", "option --device", "has no value", "path=/sys" },
	{ "--quantum", "option --quantum", "unknown", "torc --help" },
	{ "--=x", "option --", "unknown", "" },
	{ "-x", "option -x", "unknown", "torc --help" },
	{ "-vx", "option -x", "unknown", "torc --help" },
	{ "-memory 1G", "option -m", "unknown", "did you mean --memory?" },
	{ "--help=me", "option --help", "takes no value", "" },
	{ "--kernel k --log-format xml", "option --log-format: value xml", "unknown", "json" },
	{ "--schema fish", "option --schema: value fish", "unknown",
	  "use bash, json, openapi or man" },
};

static const struct bad_line bad_cpus[] = {
	{ "--cpus 0", "option --cpus: key boot", "0 is too small", "from 1 to 255" },
	{ "--cpus 256", "option --cpus: key boot", "256 is too large", "from 1 to 255" },
	{ "--cpus 99999999999999999999999", "key boot", "too large", "" },
	{ "--cpus four", "option --cpus: key boot", "\"four\" is not a whole number", "1 to 255" },
	{ "--cpus=-1", "key boot", "-1 is negative", "" },
	{ "--cpus 4x", "key boot", "not a whole number", "" },
	{ "--cpus 0x4", "key boot", "not a whole number", "" },
	{ "--cpus boot", "key boot", "has no value", "boot=VALUE" },
	{ "--cpus boot=", "key boot", "has no value", "boot=VALUE" },
	{ "--cpus 4,boot=4", "key boot", "given twice", "" },
	{ "--cpus boot=1,boot=1", "key boot", "given twice", "" },
	{ "--cpus bot=4", "key bot", "unknown", "did you mean boot?" },
	{ "--cpus zebra=4", "key zebra", "unknown",
	  "boot=, max=, topology=, affinity=, idle=, nested=, pmu=" },
	{ "--cpus idle=never", "key idle", "\"never\" is unknown", "use one of host, guest" },
	{ "--cpus 4,", "value", "nothing before or after a comma", "single commas" },
	{ "--cpus ,boot=4", "value", "comma", "" },
	{ "--cpus boot=4,,max=4", "value", "comma", "" },
	{ "--cpus boot=2,max=4", "key max", "vCPU hotplug is not supported yet", "max=2" },
	{ "--cpus boot=4,max=2", "key max", "2 is less than boot=4", "max=4" },
	{ "--cpus max=2", "key max", "more than boot=1", "" },
	{ "--cpus max=0", "key max", "too small", "" },
	{ "--cpus 4,topology=2:1:1:1", "key topology", "product is 2, but the vCPUs are 4",
	  "topology=1:4:1:1" },
	{ "--cpus 1,topology=255:255:255:255", "key topology", "product is 4228250625", "" },
	{ "--cpus 4,topology=4:1:1", "key topology", "not four numbers", "1:4:1:1" },
	{ "--cpus 4,topology=4:1:1:1:1", "key topology", "not four numbers", "" },
	{ "--cpus 4,topology=4:1:1:1:", "key topology", "not four numbers", "" },
	{ "--cpus 4,topology=4:1::1", "key topology", "\"\" is not a whole number", "" },
	{ "--cpus 4,topology=4:0:1:1", "key topology", "0 is too small", "" },
	{ "--cpus 1,topology=00000000000000000000000000000001x:1:1:1", "key topology", "not", "" },
	{ "--cpus 4,features=amx", "option --cpus: key features", "not supported yet: it needs ",
	  "leave it out" },
	{ "--cpus 4,affinity=[0@[2,3]", "value", "brackets do not match", "close" },
	{ "--cpus 4,affinity=0]", "value", "brackets do not match", "" },
};

static const struct bad_line bad_memory[] = {
	{ "--memory 0", "option --memory: key size", "\"0\" is less than 64 MiB", "size=64M" },
	{ "--memory=-1G", "key size", "is negative", "whole number of bytes" },
	{ "--memory 1.5G", "key size", "is not a whole number", "" },
	{ "--memory 512m", "key size", "unknown suffix", "K, M, G or T" },
	{ "--memory 512MiB", "key size", "unknown suffix", "" },
	{ "--memory 1P", "key size", "unknown suffix", "" },
	{ "--memory M", "key size", "does not start with a number", "" },
	{ "--memory +1G", "key size", "does not start with a number", "" },
	{ "--memory 18446744073709551616", "key size", "does not fit into 64 bits", "" },
	{ "--memory 16777216T", "key size", "does not fit into 64 bits", "" },
	{ "--memory 4097T", "key size", "more than x86-64 can address", "" },
	{ "--memory 65M", "key size", "not a multiple of 2 MiB", "size=64M or size=66M" },
	{ "--memory 67108865", "key size", "not a multiple", "" },
	{ "--memory 62M", "key size", "less than 64 MiB", "size=64M" },
	{ "--memory 1", "key size", "less than 64 MiB", "" },
	{ "--memory size=1G,size=1G", "key size", "given twice", "" },
	{ "--memory size", "key size", "has no value", "size=VALUE" },
	{ "--memory sise=1G", "key sise", "unknown", "did you mean size?" },
	{ "--memory 1G,thp", "key thp", "has no value", "" },
	{ "--memory thp=yes", "key thp", "\"yes\" is neither on nor off", "thp=on or thp=off" },
	{ "--memory 1G,hotplug_size=1G", "key hotplug_size", "not supported yet: it needs ",
	  "leave it out" },
	{ "--memory reserve", "key reserve", "not supported yet: it needs ", "" },
	{ "--memory 1G 2G", "option --memory", "takes one value", "" },
};

static const struct bad_line bad_disks[] = {
	{ "--disk disk.raw", "option --disk: value disk.raw", "not a key=value pair",
	  "path=disk.raw" },
	{ "--disk readonly=on", "option --disk: key path", "missing", "path=disk.raw" },
	{ "--disk path=", "key path", "has no value", "" },
	{ "--disk path=/a,readonly=maybe", "key readonly", "neither on nor off", "" },
	{ "--disk path=/a,direct=1", "key direct", "neither on nor off", "" },
	{ "--disk path=/a,num_queues=0", "key num_queues", "too small", "from 1 to 256" },
	{ "--disk path=/a,num_queues=257", "key num_queues", "too large", "" },
	{ "--disk path=/a,queue_size=100", "key queue_size", "100 is no power of two",
	  "up to 1024" },
	{ "--disk path=/a,queue_size=2", "key queue_size", "less than 4", "" },
	{ "--disk path=/a,queue_size=2048", "key queue_size", "too large", "" },
	{ "--disk path=/a,serial=123456789012345678901", "key serial", "more than 20", "shorten" },
	{ "--disk path=/a,id=x path=/b,id=x", "key id", "x is taken by /a", "of its own" },
	{ "--device path=/a,id=x --disk path=/b,id=x", "key id", "x is taken by /a", "" },
	{ "--disk path=/a,id=x --device path=/b,id=x", "key id", "x is taken by /a", "" },
	{ "--disk path=/a,queue_affinity=0-1", "key queue_affinity", "no list of numbers",
	  "[0@[1,3-5]" },
	{ "--disk path=/a,queue_affinity=[0@[]]", "key queue_affinity", "no list of numbers", "" },
	{ "--disk path=/a,queue_affinity=[0@[1],0@[2]]", "key queue_affinity", "given twice", "" },
	{ "--disk path=/a,queue_affinity=[0@[3-1]]", "key queue_affinity", "no list", "" },
	{ "--disk path=/a,queue_affinity=[0@[1024]]", "key queue_affinity", "no such CPU", "" },
	{ "--disk path=/a,queue_affinity=[256@[1]]", "key queue_affinity", "no list", "" },
	{ "--disk path=/a,queue_affinity=[0@[1]]x", "key queue_affinity", "no list", "" },
	{ "--disk pth=/a", "key pth", "unknown", "did you mean path?" },
};

static const struct bad_line bad_nets[] = {
	{ "--net tap0", "key tap0", "unknown", "did you mean tap?" },
	{ "--net tap=a-name-that-is-too-long", "key tap", "more than 15 characters", "shorten" },
	{ "--net tap=a tap=a", "key tap", "a is given twice", "several queues" },
	{ "--net ip=10.0.0", "key ip", "10.0.0 is no IPv4 address", "192.168.249.1" },
	{ "--net ip=fe80::1", "key ip", "is no IPv4 address", "" },
	{ "--net ip=10.0.0.1,mask=255.0.255.0", "key mask", "ones after a zero", "255.255.255.0" },
	{ "--net mask=255.255.255.0", "key mask", "without ip", "add the address" },
	{ "--net mac=02:00:00:00:00", "key mac", "is no MAC address", "02:00:00:00:00:01" },
	{ "--net mac=02:00:00:00:00:01:02", "key mac", "is no MAC address", "" },
	{ "--net mac=2:0:0:0:0:1", "key mac", "is no MAC address", "" },
	{ "--disk path=/a,b.raw", "key b.raw", "unknown", "path=\"a,b\"" },
	{ "--disk path=\"/a,b.raw", "value", "double quote is not closed", "twice" },
	{ "--disk path=/a,image_type=qcow2", "key image_type", "raw images only",
	  "qemu-img convert" },
	{ "--disk path=/a,image_type=VHDX", "key image_type", "raw images only",
	  "qemu-img convert" },
	{ "--disk path=/a,image_type=iso", "key image_type", "\"iso\" is unknown",
	  "image_type=raw" },
	{ "--net mac=01:00:00:00:00:01", "key mac", "a group's address", "even" },
	{ "--net mac=00:00:00:00:00:00", "key mac", "nobody's address", "random" },
	{ "--net mtu=67", "key mtu", "67 is too small", "1500" },
	{ "--net mtu=65522", "key mtu", "too large", "" },
	{ "--net num_queues=3", "key num_queues", "3 is odd", "in pairs" },
	{ "--net num_queues=66", "key num_queues", "too large", "1 to 64" },
	{ "--net queue_size=3", "key queue_size", "3 is no power of two", "" },
	{ "--net fd=1", "key fd", "no list of descriptors from 3 on", "fd=[3,4]" },
	{ "--net fd=[3,x]", "key fd", "no list of descriptors", "" },
	{ "--net fd=3,num_queues=4", "key num_queues", "4 queues need 2 descriptors", "leave" },
	{ "--net fd=3,tap=t", "key tap", "given beside fd", "before" },
	{ "--net fd=3,ip=10.0.0.1", "key ip", "given beside fd", "" },
	{ "--net tap=a,id=x --disk path=/b,id=x", "key id", "x is taken by a", "" },
	{ "--net vhost=yes", "key vhost", "\"yes\" is neither on nor off", "" },
	{ "--net vhost_user=on", "key vhost_user", "not supported yet: it needs ", "" },
};

static const struct bad_line bad_platforms[] = {
	{ "--platform ring_poll_us=x", "key ring_poll_us", "not a whole number", "from 0" },
	{ "--platform ring_poll_us=10001", "key ring_poll_us", "too large", "to 10000" },
	{ "--platform ring_pol_us=1", "key ring_pol_us", "unknown", "did you mean ring_poll_us?" },
	{ "--platform uuid=1", "key uuid", "not supported yet: it needs ", "" },
};

static void metrics_have_a_socket_or_a_file(void **state)
{
	static const struct {
		const char *line, *path;
		unsigned interval_s;
	} good[] = {
		{ "--metrics path=/tmp/m", "/tmp/m", 0 },
		{ "--metrics path=/m.prom/s", "/m.prom/s", 0 },
		{ "--metrics path=prom", "prom", 0 },
		{ "--metrics path=/tmp/m.prom", "/tmp/m.prom", 15 },
		{ "--metrics interval=1,path=m.prom", "m.prom", 1 },
		{ "--metrics path=m.prom,interval=3600", "m.prom", 3600 },
	};
	struct config c;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		char line[128];

		snprintf(line, sizeof(line), "--kernel k %s", good[i].line);
		c = line_good(line);
		assert_string_equal(c.metrics.path, good[i].path);
		assert_int_equal(c.metrics.interval_s, good[i].interval_s);
		config_destroy(&c);
	}
	c = line_good("--kernel k");
	assert_null(c.metrics.path);
	config_destroy(&c);
}

static const struct bad_line bad_metrics[] = {
	{ "--metrics /tmp/m", "key /tmp/m", "unknown", "it takes path=" },
	{ "--metrics path=", "key path", "has no value", "path=VALUE" },
	{ "--metrics interval=5", "key path", "missing", "a file, path=torc.prom" },
	{ "--metrics path=/a,mode=99", "key mode", "is no mode", "0660" },
	{ "--metrics path=/a,interval=5", "key interval", "/a is a socket's", "path=/a.prom" },
	{ "--metrics path=.prom,interval=5", "key interval", "is a socket's", "leave interval=" },
	{ "--metrics path=a.prom,interval=0", "key interval", "too small", "from 1 to 3600" },
	{ "--metrics path=a.prom,interval=3601", "key interval", "too large", "from 1 to 3600" },
	{ "--metrics path=a.prom,interval=5s", "key interval", "not a whole number", "" },
	{ "--metrics path=a.prom,intervall=5", "key intervall", "unknown", "mean interval?" },
	{ "--metrics path=/a path=/b", "option --metrics", "takes one value", "" },
};

static const struct bad_line bad_rngs[] = {
	{ "--rng /dev/urandom", "key /dev/urandom", "unknown", "it takes src=" },
	{ "--rng src=", "key src", "has no value", "src=VALUE" },
	{ "--disk path=/a,logical_block_size=520", "key logical_block_size", "520 is no power",
	  "1024" },
	{ "--disk path=/a,logical_block_size=8192", "key logical_block_size", "too large", "4096" },
	{ "--console tty,iommu=on", "value tty,iommu=on: key iommu", "a virtual IOMMU",
	  "iommu=off" },
	{ "--console file=/a,mode=0600,mode=0640", "key mode", "given twice", "leave one" },
	{ "--console file=/a,b,id=c", "key id", "not supported yet: it needs ", "leave it out" },
	{ "--rng src=/a,iommu=on", "key iommu", "not supported yet: it needs ", "leave it out" },
	{ "--rng src=/a src=/b", "option --rng", "takes one value", "" },
};

static const struct bad_line bad_devices[] = {
	{ "--device " DEV, "option --device: value " DEV, "not a key=value pair", "path=" DEV },
	{ "--device 0000:01:00.0", "option --device: value 0000:01:00.0", "not a key=value",
	  "path=/sys/bus/pci/devices/0000:01:00.0" },
	{ "--device id=a", "option --device: key path", "missing", "path=/sys" },
	{ "--device path=", "key path", "has no value", "" },
	{ "--device path=" DEV ",id=", "key id", "has no value", "" },
	{ "--device path=/a,id=x path=/b,id=x", "key id", "x is taken by /a", "of its own" },
	{ "--device path=" DEV " path=" DEV, "key path", "given twice", "once" },
	{ "--device path=" DEV " --device path=" DEV "//", "key path", "given twice", "once" },
	{ "--device path=" DEV ",iommu=on", "key iommu", "needs a virtual IOMMU", "iommu=off" },
	{ "--device path=" DEV ",iommu=maybe", "key iommu", "", "" },
	{ "--device path=" DEV ",pci_segment=1", "key pci_segment", "not supported yet: it needs ",
	  "" },
	{ "--device path=" DEV ",x_exclude_mmap_bars=[0,6]", "key x_exclude_mmap_bars",
	  "there is no BAR 6", "0 to 5" },
	{ "--device path=" DEV ",x_exclude_mmap_bars=[a]", "key x_exclude_mmap_bars", "no list",
	  "" },
	{ "--platform vfio_p2p_dma=2", "key vfio_p2p_dma", "", "" },
	{ "--device pth=" DEV, "key pth", "unknown", "did you mean path?" },
	{ "--device path=" DEV " word", "key word", "unknown", "path=, id=" },
	{ "--device path=" DEV ",path=" DEV2, "key path", "given twice", "" },
};

static const struct bad_line bad_lines[] = {
	{ "--serial tyt", "option --serial: value tyt", "unknown", "did you mean tty?" },
	{ "--serial something", "value something", "unknown", "pty, file=PATH or socket=PATH" },
	{ "--serial file", "value file", "names no file", "file=PATH" },
	{ "--serial file=", "value file=", "names no file", "file=PATH" },
	{ "--serial socket", "value socket", "names no socket", "socket=PATH" },
	{ "--serial socket=", "value socket=", "names no socket", "socket=PATH" },
	{ "--serial pty=", "value pty=", "unknown", "did you mean pty?" },
	{ "--serial socket=/a,mode=8", "key mode", "\"8\" is no mode", "for example 0660" },
	{ "--serial file=/a,mode=", "key mode", "is no mode", "0660" },
	{ "--console file=/a,mode=1777", "key mode", "is no mode", "0660" },
	{ "--serial tty,mode=0600", "key mode", "no file or socket", "leave it out" },
	{ "--serial socket=" PATH_107 "x", "value socket=", "at most 107 bytes, this one has 108",
	  "closer to the root" },
	{ "--serial tty --console tty", "option --console: value tty", "already", "--serial null" },
	{ "--console tty --serial=tty", "option --console: value tty", "already", "--serial null" },
	{ "--serial file=/a --console file=/a", "option --console: value file=/a", "already",
	  "another path" },
	{ "--serial socket=/a --console socket=/a", "option --console: value socket=/a", "already",
	  "another path" },
	{ "--serial file=/a --console socket=/a", "option --console: value socket=/a", "already",
	  "another path" },
	{ "--console socket=", "option --console: value socket=", "names no socket", "" },
	{ "--console of", "value of", "unknown", "did you mean off?" },
};

static void misplaced_and_unknown_options_are_refused(void **state)
{
	line_expect_bad(bad_words, ARRAY_SIZE(bad_words), "");
}

static void bad_values_of_cpus_are_refused(void **state)
{
	line_expect_bad(bad_cpus, ARRAY_SIZE(bad_cpus), "--kernel k ");
}

static void bad_values_of_memory_are_refused(void **state)
{
	line_expect_bad(bad_memory, ARRAY_SIZE(bad_memory), "--kernel k ");
}

static void bad_values_of_device_are_refused(void **state)
{
	line_expect_bad(bad_rngs, ARRAY_SIZE(bad_rngs), "--kernel k ");
	line_expect_bad(bad_metrics, ARRAY_SIZE(bad_metrics), "--kernel k ");
	line_expect_bad(bad_platforms, ARRAY_SIZE(bad_platforms), "--kernel k ");
	line_expect_bad(bad_nets, ARRAY_SIZE(bad_nets), "--kernel k ");
	line_expect_bad(bad_disks, ARRAY_SIZE(bad_disks), "--kernel k ");
	line_expect_bad(bad_devices, ARRAY_SIZE(bad_devices), "--kernel k ");
}

static void bad_values_of_serial_and_console_are_refused(void **state)
{
	line_expect_bad(bad_lines, ARRAY_SIZE(bad_lines), "--kernel k ");
}

static void what_cloud_hypervisor_has_and_torc_not_yet_is_named(void **state)
{
	static const char *const names[] = {
		"api-socket", "fs",	 "firmware", "pmem",	"vsock", "event-monitor",
		"landlock",   "seccomp", "vdpa",     "balloon", "tpm",	 "watchdog",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64], object[64];
		struct bad_line row = { line, object, "not supported yet: it needs ",
					"leave it out" };

		snprintf(object, sizeof(object), "option --%s", names[i]);
		snprintf(line, sizeof(line), "--kernel k --%s path=x", names[i]);
		line_expect_bad(&row, 1, "");
		snprintf(line, sizeof(line), "--%s=path=x", names[i]);
		line_expect_bad(&row, 1, "");
	}
}

static void no_error_struct_is_needed(void **state)
{
	struct config c;

	assert_int_equal(line_parse(&c, "--kernel k --cpus 0", NULL), -EINVAL);
	assert_int_equal(line_parse(&c, "--kernel k", NULL), 0);
	config_destroy(&c);
}

static void a_parse_starts_afresh_after_one_that_stopped_within_a_cluster(void **state)
{
	struct error err = { 0 };
	struct config c;

	assert_int_equal(line_parse(&c, "-vxvv", &err), -EINVAL);
	c = line_good("--kernel k");
	assert_int_equal(c.log.level, LOG_LEVEL_NOTICE);
	config_destroy(&c);
}

static void no_words_at_all_is_a_usage_error(void **state)
{
	char *argv[] = { NULL };
	struct error err = { 0 };
	struct config c;

	assert_int_equal(config_parse(&c, 0, argv, &err), -EINVAL);
	assert_true(err.usage);
}

static void destroy_takes_a_zeroed_config(void **state)
{
	struct config c = { 0 };

	config_destroy(&c);
	config_destroy(&c);
}

/* Every "--name" in the usage text gets past the check for unknown options. */
static void the_usage_names_only_options_that_exist(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	unsigned n = 0;

	config_usage(out);
	fclose(out);
	for (const char *c = text; (c = strstr(c, "\n  -")); n++) {
		struct error err = { 0 };
		struct config config;
		char line[64] = "";

		c += 3;
		/* "-h, --help" */
		if (c[1] != '-' && c[2] == ',')
			c += 4;
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(c, " \n"), c);
		if (!line_parse(&config, line, &err))
			config_destroy(&config);
		assert_null(strstr(err.reason, "unknown"));
		assert_null(strstr(err.reason, "not supported"));
	}
	assert_int_equal(n, 24);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_cloud_hypervisors_except_for_the_console),
		cmocka_unit_test(the_howto_line_is_taken),
		cmocka_unit_test(cmdline_values_and_occurrences_are_joined_by_a_blank),
		cmocka_unit_test(cpus_take_a_number_or_keys),
		cmocka_unit_test(sizes_take_each_suffix),
		cmocka_unit_test(thp_is_a_switch),
		cmocka_unit_test(serial_and_console_modes),
		cmocka_unit_test(devices_follow_one_option_or_several),
		cmocka_unit_test(default_ids_pass_over_those_that_were_given),
		cmocka_unit_test(default_ids_have_one_count),
		cmocka_unit_test(disks_are_read),
		cmocka_unit_test(nets_are_read),
		cmocka_unit_test(as_many_devices_as_there_may_be_and_no_more),
		cmocka_unit_test(values_between_double_quotes_may_have_commas),
		cmocka_unit_test(bars_can_be_kept_from_the_guest_and_from_peers),
		cmocka_unit_test(what_asks_for_nothing_that_torc_lacks_is_taken),
		cmocka_unit_test(interrupts_can_go_through_rings),
		cmocka_unit_test(metrics_have_a_socket_or_a_file),
		cmocka_unit_test(
			console_takes_the_terminal_from_a_serial_port_that_was_not_asked_for),
		cmocka_unit_test(v_counts),
		cmocka_unit_test(log_options),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(misplaced_and_unknown_options_are_refused),
		cmocka_unit_test(bad_values_of_cpus_are_refused),
		cmocka_unit_test(bad_values_of_memory_are_refused),
		cmocka_unit_test(bad_values_of_device_are_refused),
		cmocka_unit_test(bad_values_of_serial_and_console_are_refused),
		cmocka_unit_test(what_cloud_hypervisor_has_and_torc_not_yet_is_named),
		cmocka_unit_test(no_error_struct_is_needed),
		cmocka_unit_test(a_parse_starts_afresh_after_one_that_stopped_within_a_cluster),
		cmocka_unit_test(no_words_at_all_is_a_usage_error),
		cmocka_unit_test(destroy_takes_a_zeroed_config),
		cmocka_unit_test(the_usage_names_only_options_that_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
