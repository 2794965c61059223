/* SPDX-License-Identifier: Apache-2.0 */
/* A VM from JSON and back. That a key's value is judged as when it is typed: both have the same reader. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/config/config.h"
#include "tests/unit/config_line.h"

static char folder[] = "/tmp/torc-config.XXXXXX";
static char path[64];

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/vm.json", folder);
	return 0;
}

static int teardown(void **state)
{
	return unlink(path) || rmdir(folder);
}

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int load(struct config *config, const char *beside, struct error *err)
{
	char line[128];

	snprintf(line, sizeof(line), "--config %s%s", path, beside);
	return line_parse(config, line, err);
}

static struct config good(const char *text)
{
	struct error err = { 0 };
	struct config config;

	put(text);
	if (load(&config, "", &err))
		fail_msg("%s: %s: %s", text, err.object, err.reason);
	return config;
}

static char *printed(const struct config *config)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(config_print(config, out, NULL), 0);
	fclose(out);
	return text;
}

static json_t *description(const char *form, const char *key)
{
	char line[32], *text;
	struct error err = { 0 };
	struct config config;
	json_t *all, *found;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(line, sizeof(line), "--schema %s", form);
	assert_int_equal(line_parse(&config, line, &err), 0);
	assert_int_equal(config.action, CONFIG_SCHEMA);
	config.print_schema(out);
	fclose(out);
	config_destroy(&config);
	all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	assert_non_null(all);
	found = key ? json_deep_copy(json_object_get(all, key)) : json_incref(all);
	json_decref(all);
	return found;
}

static const char *type_of(const json_t *value)
{
	static const char *const name[] = {
		[JSON_OBJECT] = "object",   [JSON_ARRAY] = "array",  [JSON_STRING] = "string",
		[JSON_INTEGER] = "integer", [JSON_TRUE] = "boolean", [JSON_FALSE] = "boolean",
		[JSON_NULL] = "null",
	};

	return name[json_typeof(value)];
}

/* Of two forms that a value may have the second. */
static void check_described(const json_t *type, const json_t *value)
{
	const json_t *words, *one, *type_name;
	const char *key;
	size_t i;

	if (json_object_get(type, "anyOf"))
		type = json_array_get(json_object_get(type, "anyOf"), json_is_array(value));
	words = json_object_get(type, "enum");
	type_name = json_object_get(type, "type");
	/* What may be null has two. */
	if (json_is_array(type_name))
		type_name = json_array_get(type_name, json_is_null(value));
	assert_string_equal(json_string_value(type_name), type_of(value));
	json_object_foreach((json_t *)(uintptr_t)value, key, one)
	{
		const json_t *of = json_object_get(json_object_get(type, "properties"), key);

		if (!of)
			fail_msg("%s is not described", key);
		check_described(of, one);
	}
	json_array_foreach(value, i, one) check_described(json_object_get(type, "items"), one);
	for (i = 0; words && !json_equal(json_array_get(words, i), value); i++)
		assert_true(i < json_array_size(words));
}

static void described(const char *printed)
{
	json_t *type = description("json", NULL), *value = json_loads(printed, 0, NULL);

	check_described(type, value);
	json_decref(type);
	json_decref(value);
}

static void descriptions_have_defaults_and_limits(void **state)
{
	json_t *vm = description("json", "properties"), *all = description("openapi", NULL);
	json_t *schemas = json_object_get(json_object_get(all, "components"), "schemas"), *size;
	const char *queue[] = { "disks", "items", "properties", "queue_size" };
	const json_t *at = vm;

	for (size_t i = 0; i < ARRAY_SIZE(queue); i++)
		at = json_object_get(at, queue[i]);
	size = json_pack("{s:[s, s], s:s, s:i, s:i, s:i}", "type", "integer", "null", "format",
			 "int64", "minimum", 4, "maximum", 1024, "default", 128);
	assert_int_equal(json_object_del((json_t *)(uintptr_t)at, "description"), 0);
	assert_true(json_equal(at, size));
	json_decref(vm);
	vm = description("json", "properties");
	at = json_object_get(json_object_get(schemas, "VmConfig"), "properties");
	/* The same but for how they say null. */
	assert_int_equal(json_object_size(at), json_object_size(vm));
	for (size_t i = 0; i < ARRAY_SIZE(queue); i++)
		at = json_object_get(at, queue[i]);
	assert_true(json_is_true(json_object_get(at, "nullable")));
	json_decref(size);
	json_decref(vm);
	json_decref(all);
}

static void what_is_printed_is_read_the_same(void **state)
{
	static const char *const lines[] = {
		"--kernel /k",
		"--kernel /k --initramfs /i --cmdline a=b c",
		"--kernel /k --cpus 4,topology=2:2:1:1,affinity=[0@[2,3],1@5],idle=guest,nested=off,pmu=off "
		"--disk path=/a,queue_affinity=[3@[1,2]],serial=x,image_type=raw,logical_block_size=4096 "
		"path=/b,readonly=on,direct=on,num_queues=2,queue_size=4,id=b",
		"--kernel /k --memory 1G,hugepages=on,hugepage_size=2M,prefault=on",
		"--kernel /k --memory 64M,shared=on,thp=off",
		"--kernel /k --cpus 4 --memory-zone id=a,size=64M,host_numa_node=0 id=b,size=128M,shared=on,file=/f "
		"--numa guest_numa_id=1,cpus=[2-3],memory_zones=[b],distances=[0@20] "
		"guest_numa_id=0,cpus=0-1,memory_zones=a",
		"--kernel /k --memory-zone id=a,size=64M id=b,size=64M --cpus 2 --numa guest_numa_id=0,cpus=[0-1] guest_numa_id=1,memory_zones=[a,b]",
		"--kernel /k --net tap=t,mac=02:00:00:00:00:01,ip=10.0.0.1,mask=255.0.0.0,mtu=9000,vhost=on,num_queues=4",
		"--kernel /k --net ip=10.0.0.1,mask=0.0.0.0",
		"--kernel /k --net fd=3 fd=[5,4]",
		"--kernel /k --net tap=,mac=,ip= --serial pty --console socket=/s,mode=0660",
		"--kernel /k --device path=/d,x_exclude_mmap_bars=[0,2],trace=ring,bind=on path=/e,id=e",
		"--kernel /k --rng src=/dev/urandom --serial file=/a,b,mode=0640 --console tty",
		"--kernel /k --platform numa=strict,ring_affinity=[0@3],ring_poll_us=7,vfio_p2p_dma=off,hotplug_slots=3",
		"--kernel /k --platform numa=off,ring_affinity=sibling --metrics path=/x.prom,interval=3",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct config typed = line_good(lines[i]), read;
		char *text = printed(&typed), *again;

		read = good(text);
		again = printed(&read);
		assert_string_equal(again, text);
		assert_null(read.unknown);
		described(text);
		free(text);
		free(again);
		config_destroy(&typed);
		config_destroy(&read);
	}
}

/* What Kata Containers' runtime sends. */
static void what_clients_always_say_is_taken(void **state)
{
	struct config c = good(
		"{\"console\":{\"iommu\":false,\"mode\":\"Off\"},\"cpus\":{\"boot_vcpus\":1,\"kvm_hyperv\":false,"
		"\"max_vcpus\":2,\"nested\":true,\"core_scheduling\":\"Vm\",\"max_phys_bits\":46,\"features\":{\"amx\":false},"
		"\"topology\":{\"cores_per_die\":2,\"dies_per_package\":1,\"packages\":1,\"threads_per_core\":1}},"
		"\"iommu\":false,\"landlock_enable\":false,\"memory\":{\"hotplug_method\":\"Acpi\",\"hotplug_size\":536870912,"
		"\"hugepages\":false,\"mergeable\":false,\"prefault\":false,\"shared\":false,\"size\":536870912,\"thp\":true},"
		"\"payload\":{\"cmdline\":\"quiet\",\"initramfs\":\"/i\",\"kernel\":\"/k\"},"
		"\"disks\":[{\"path\":\"/d\",\"image_type\":\"Raw\",\"sparse\":true,\"backing_files\":false,"
		"\"lock_granularity\":\"ByteRange\",\"rate_limiter_config\":null,\"vhost_user\":false,\"vhost_socket\":null}],"
		"\"net\":[{\"vhost_mode\":\"Client\",\"offload_ufo\":true,\"mask\":\"255.255.255.0\",\"pci_segment\":0}],"
		"\"platform\":{\"num_pci_segments\":2,\"sev_snp\":false,\"tdx\":false,\"iommu_address_width_bits\":64},"
		"\"pvpanic\":false,\"rng\":{\"iommu\":false,\"src\":\"/r\"},\"serial\":{\"iommu\":false,\"mode\":\"Off\"},"
		"\"fs\":[],\"numa\":null,\"watchdog\":false}");

	assert_null(c.unknown);
	assert_int_equal(c.cpus.max, 2);
	assert_int_equal(c.hotplug_size, 512 * MIB);
	assert_int_equal(c.nr_pci_segments, 2);
	assert_false(config_has_topology(&c.cpus));
	assert_int_equal(c.disk[0].nr_queues, 1);
	assert_true(c.disk[0].file.is_raw);
	assert_int_equal(c.serial.mode, LINE_OFF);
	config_destroy(&c);
}

static void defaults_are_cloud_hypervisors(void **state)
{
	struct config c = good("{\"payload\":{\"kernel\":\"/k\"},\"memory\":null}");

	assert_int_equal(c.serial.mode, LINE_NULL);
	assert_int_equal(c.console.mode, LINE_TTY);
	assert_int_equal(c.memory.size, 512 * MIB);
	assert_int_equal(c.cpus.boot, 1);
	assert_string_equal(c.cmdline, "");
	assert_string_equal(c.rng, "/dev/urandom");
	config_destroy(&c);
	/* Cloud Hypervisor cannot say so, but what options mean can be that. */
	c = good("{\"payload\":{\"kernel\":\"/k\"},\"rng\":null}");
	assert_null(c.rng);
	config_destroy(&c);
}

/* A node of memory alone; clients write that either way. */
static void nothing_of_a_list_is_no_list(void **state)
{
	struct config c = good(
		"{\"payload\":{\"kernel\":\"/k\"},\"cpus\":{\"boot_vcpus\":1,\"affinity\":[]},"
		"\"memory\":{\"size\":0,\"zones\":[{\"id\":\"a\",\"size\":67108864},{\"id\":\"b\",\"size\":67108864}]},"
		"\"disks\":[],\"numa\":[{\"guest_numa_id\":0,\"cpus\":[0],\"memory_zones\":[\"a\"],\"distances\":[]},"
		"{\"guest_numa_id\":1,\"cpus\":[],\"memory_zones\":[\"b\"]}]}");

	assert_int_equal(CPU_COUNT(&c.node[1].vcpus), 0);
	assert_int_equal(c.cpus.affinity.nr, 0);
	config_destroy(&c);
}

static void unknown_keys_are_told(void **state)
{
	struct config c =
		good("{\"payload\":{\"kernel\":\"/k\",\"colour\":1},\"speed\":{\"a\":2},"
		     "\"disks\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"fd\":null,\"zones\":[]}]}");

	assert_string_equal(c.unknown, "speed, payload.colour, disks[1].fd, disks[1].zones");
	config_destroy(&c);
	/* Within what is no schema's, too. */
	c = good(
		"{\"payload\":{\"kernel\":\"/k\"},\"cpus\":{\"boot_vcpus\":1,"
		"\"topology\":{\"threads_per_core\":1,\"cores_per_die\":1,\"dies_per_package\":1,\"packages\":1,\"x\":1},"
		"\"affinity\":[{\"vcpu\":0,\"host_cpus\":[0],\"y\":1}]}}");
	assert_string_equal(c.unknown, "cpus.topology.x, cpus.affinity[0].y");
	config_destroy(&c);
}

static void of_many_unknown_keys_the_first_are_told(void **state)
{
	char *text = calloc(1, 100000);
	struct config c;
	size_t end;

	assert_non_null(text);
	strcpy(text, "{\"payload\":{\"kernel\":\"/k\"}");
	end = strlen(text);
	for (unsigned i = 0; i < 5000; i++)
		end += (size_t)sprintf(text + end, ",\"x%u\":1", i);
	strcpy(text + end, "}");
	c = good(text);
	assert_true(strlen(c.unknown) < 200);
	assert_non_null(strstr(c.unknown, "x19, and others"));
	config_destroy(&c);
	free(text);
}

static const struct {
	const char *text, *object, *reason, *remedy;
} bad[] = {
	{ "", ": line 1, column 0", "", "" },
	{ "[]", "", "no object", "VmConfig" },
	{ "{\"payload\":{\"kernel\":\"k\",\"kernel\":\"l\"}}", "", "line 1, column 33: duplicate",
	  "" },
	{ "{\"payload\":{}}", "payload: key kernel", "missing", "bzImage" },
	{ "{\"payload\":{\"kernel\":7}}", "payload: key kernel", "right type", "a string" },
	{ "{\"payload\":{\"firmware\":\"f\"}}", "payload: key firmware", "not supported yet",
	  "leave it out" },
	{ "{\"cpus\":{\"boot_vcpus\":0}}", "cpus: key boot_vcpus", "0 is too small", "1 to 255" },
	{ "{\"cpus\":{\"boot_vcpus\":-1}}", "cpus: key boot_vcpus", "-1 is negative", "1 to 255" },
	{ "{\"cpus\":{\"boot_vcpus\":1.0}}", "cpus: key boot_vcpus", "right type",
	  "a whole number" },
	{ "{\"cpus\":{\"boot_vcpus\":2,\"max_vcpus\":1}}", "cpus: key max_vcpus", "1 is less", "" },
	{ "{\"cpus\":{\"topology\":{\"packages\":1}}}", "cpus: key topology", "right type",
	  "cores_per_die" },
	{ "{\"payload\":{\"kernel\":[]}}", "payload: key kernel", "right type", "a string" },
	{ "{\"cpus\":{\"affinity\":[{\"vcpu\":0}]}}", "cpus: key affinity", "right type",
	  "host_cpus" },
	{ "{\"memory\":{\"size\":9223372036854775807}}", "memory: key size", "more than x86-64",
	  "" },
	{ "{\"memory\":{\"size\":\"1G\"}}", "memory: key size", "right type", "number of bytes" },
	{ "{\"memory\":{\"size\":67108864,\"zones\":[{\"id\":\"a\",\"size\":67108864}]}}",
	  "memory: key size", "given beside", "" },
	{ "{\"memory\":{\"zones\":[{\"id\":\"a\"}]}}", "memory: zones[0]: key size", "missing",
	  "512M" },
	{ "{\"disks\":{}}", "key disks", "right type", "an array" },
	{ "{\"disks\":[{\"path\":\"/a\"},7]}", "disks[1]: value", "right type", "an object" },
	{ "{\"disks\":[{\"path\":\"\"}]}", "disks[0]: key path", "has no value", "" },
	{ "{\"payload\":{\"kernel\":\"\"}}", "payload: key kernel", "has no value", "" },
	{ "{\"memory\":{\"size\":-1}}", "memory: key size", "-1", "a number of bytes" },
	{ "{\"cpus\":{\"boot_vcpus\":4,\"max_vcpus\":2}}", "cpus: key max_vcpus",
	  "less than boot_vcpus 4", "write 4" },
	{ "{\"numa\":[{\"guest_numa_id\":0,\"cpus\":[0]}]}", "numa[0]: memory", "no zones",
	  "zones" },
	{ "{\"memory\":{\"size\":1,\"zones\":[{\"id\":\"a\",\"size\":67108864}]}}",
	  "memory: key size", "beside zones", "write 0" },
	{ "{\"net\":[{\"fds\":[3,3]}]}", "net[0]: key fds", "3 is given twice", "" },
	{ "{\"net\":[{\"fds\":[3]},{\"fds\":[4,3]}]}", "net[1]: key fds", "3 is given twice", "" },
	{ "{\"payload\":{\"kernel\":\"/k\"},\"serial\":{\"mode\":\"Tty\"}}", "key console",
	  "standard input and output", "Null" },
	{ "{\"disks\":[{\"path\":\"/a\"},{}]}", "disks[1]: key path", "missing", "path=" },
	{ "{\"disks\":[{\"path\":\"/a\",\"image_type\":\"Qcow2\"}]}", "disks[0]: key image_type",
	  "raw images only", "" },
	{ "{\"disks\":[{\"path\":\"/a\",\"id\":\"x\"},{\"path\":\"/b\",\"id\":\"x\"}]}",
	  "disks[1]: key id", "x is taken by /a", "" },
	{ "{\"disks\":[{\"path\":\"/a\",\"vhost_socket\":\"/s\"}]}", "disks[0]: key vhost_socket",
	  "vhost-user", "" },
	{ "{\"net\":[{\"mac\":\"x\"}]}", "net[0]: key mac", "no MAC address", "" },
	{ "{\"serial\":{\"mode\":\"File\"}}", "serial: key file", "missing", "" },
	{ "{\"serial\":{\"mode\":\"tty\"}}", "serial: key mode", "unknown", "Tty" },
	{ "{\"vsock\":{\"cid\":3,\"socket\":\"/s\"}}", "key vsock", "virtio-vsock", "" },
	{ "{\"watchdog\":true}", "key watchdog", "a virtio watchdog", "" },
};

static void what_will_not_do_says_where(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config config = { 0 };
		struct error err = { 0 };

		put(bad[i].text);
		assert_int_equal(load(&config, "", &err), -EINVAL);
		if (strncmp(err.object, "config /tmp/", 12) != 0 ||
		    (!strstr(err.object, bad[i].object) && bad[i].object[0] != ':') ||
		    !strstr(err.reason, bad[i].reason) || !strstr(err.remedy, bad[i].remedy))
			fail_msg("%s: %s: %s; %s", bad[i].text, err.object, err.reason, err.remedy);
		assert_false(err.usage);
	}
}

static void options_of_a_vm_are_not_given_beside_it(void **state)
{
	struct config config;
	struct error err = { 0 };

	put("{\"payload\":{\"kernel\":\"/k\"}}");
	assert_int_equal(load(&config, " --memory 1G", &err), -EINVAL);
	assert_string_equal(err.object, "option --memory");
	assert_non_null(strstr(err.reason, "given beside --config"));
	assert_int_equal(load(&config, " --metrics path=/m", &err), 0);
	assert_string_equal(config.metrics.path, "/m");
	config_destroy(&config);
	put("{\"payload\":{\"kernel\":\"/k\"},\"metrics\":{\"path\":\"/m\"}}");
	assert_int_equal(load(&config, " --metrics path=/n.prom", &err), -EINVAL);
	assert_non_null(strstr(err.object, "key metrics"));
	assert_non_null(strstr(err.reason, "--metrics"));
}

/* Of a default as much as is said, in any order; a client's serializer leaves out what it likes. */
static void defaults_may_be_said_in_any_way(void **state)
{
	static const char *const taken[] = {
		"\"debug_console\":{\"file\":null,\"mode\":\"Off\",\"iobase\":233}",
		"\"debug_console\":{\"iobase\":233,\"mode\":\"Off\"}",
		"\"debug_console\":{\"mode\":\"Off\"}",
		"\"cpus\":{\"boot_vcpus\":1,\"features\":{}}",
		"\"memory\":{\"size\":0,\"zones\":[{\"id\":\"a\",\"size\":67108864,\"hotplug_size\":1073741824}]}",
	};
	struct config config;
	struct error err = { 0 };
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		snprintf(text, sizeof(text), "{\"payload\":{\"kernel\":\"/k\"},%s}", taken[i]);
		config = good(text);
		config_destroy(&config);
	}
	put("{\"payload\":{\"kernel\":\"/k\"},\"debug_console\":{\"mode\":\"Tty\",\"iobase\":233}}");
	assert_int_equal(load(&config, "", &err), -EINVAL);
}

static void not_more_devices_than_there_may_be(void **state)
{
	static char text[16384] = "{\"payload\":{\"kernel\":\"/k\"},\"disks\":[{\"path\":\"/0\"}";
	struct error err = { 0 };
	struct config config;
	size_t end;

	for (unsigned i = 1; i < CONFIG_MAX_DEVICES - 1; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",{\"path\":\"/%u\"}",
			 i);
	end = strlen(text);
	strcpy(text + end, "],\"console\":{\"mode\":\"Off\"}}");
	config = good(text);
	config_destroy(&config);
	strcpy(text + end, "],\"console\":{\"mode\":\"Null\"}}");
	put(text);
	assert_int_equal(load(&config, "", &err), -EINVAL);
	assert_non_null(strstr(err.reason, "they are 513"));
}

/* What cannot be read at all. */
static void what_is_no_file_is_said_so(void **state)
{
	struct error err = { 0 };
	struct config config;

	assert_int_equal(line_parse(&config, "--config /tmp", &err), -EISDIR);
	assert_string_equal(err.object, "config /tmp");
	err = (struct error){ 0 };
	assert_int_equal(line_parse(&config, "--config /nowhere/at-all", &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read_the_same),
		cmocka_unit_test(descriptions_have_defaults_and_limits),
		cmocka_unit_test(what_clients_always_say_is_taken),
		cmocka_unit_test(defaults_are_cloud_hypervisors),
		cmocka_unit_test(nothing_of_a_list_is_no_list),
		cmocka_unit_test(unknown_keys_are_told),
		cmocka_unit_test(of_many_unknown_keys_the_first_are_told),
		cmocka_unit_test(what_will_not_do_says_where),
		cmocka_unit_test(options_of_a_vm_are_not_given_beside_it),
		cmocka_unit_test(defaults_may_be_said_in_any_way),
		cmocka_unit_test(not_more_devices_than_there_may_be),
		cmocka_unit_test(what_is_no_file_is_said_so),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
