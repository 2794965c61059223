/* SPDX-License-Identifier: Apache-2.0 */
/* A schema of every kind. What each says of values that will not do is in test_config.c, of torc's own schemas. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "core/schema/mdoc.h"
#include "core/schema/schema.h"

struct thing {
	bool on;
	uint8_t small;
	unsigned number;
	uint64_t large;
	int or_none;
	uint64_t size;
	char *string;
	bool word;
	mode_t mode;
	struct schema_mac mac;
	struct in_addr ip;
	cpu_set_t cpus;
	uint8_t bits;
	struct schema_affinities affinity;
	struct schema_fds fds;
	unsigned distance[SCHEMA_MAX_NODES];
	struct schema_names names;
	unsigned topology[4];
};

static const struct schema_word words[] = {
	{ .text = "first" },
	{ .text = "second" },
	{ .text = "other", .reason = "not here", .remedy = "go there" },
	{ .text = NULL },
};

/* The context is the least number. */
static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	const struct thing *thing = out;

	if (!context || thing->number >= *(const unsigned *)context)
		return 0;
	schema_refuse("number", err, "%s is little", schema_given(values, "number") ?: "none");
	return error_remedy(err, "more");
}

/* clang-format off */
static const struct schema schema = {
	.bare = true,
	.check = check,
	.key = (const struct schema_key[]){
		{ "number", SCHEMA_UINT, SCHEMA_MEMBER(struct thing, number), .max = 99, .preset = "7" },
		{ "on", SCHEMA_BOOL, SCHEMA_MEMBER(struct thing, on), .preset = "on" },
		{ "small", SCHEMA_UINT, SCHEMA_MEMBER(struct thing, small), .min = 2, .max = 128, .flags = SCHEMA_POW2 },
		{ "large", SCHEMA_UINT, SCHEMA_MEMBER(struct thing, large), .max = UINT64_MAX },
		{ "or_none", SCHEMA_UINT, SCHEMA_MEMBER(struct thing, or_none), .max = 9, .flags = SCHEMA_OR_NONE },
		{ "size", SCHEMA_SIZE, SCHEMA_MEMBER(struct thing, size) },
		{ "string", SCHEMA_STRING, SCHEMA_MEMBER(struct thing, string), .max = 8, .preset = "default" },
		{ "word", SCHEMA_WORD, SCHEMA_MEMBER(struct thing, word), .words = words },
		{ "mode", SCHEMA_MODE, SCHEMA_MEMBER(struct thing, mode) },
		{ "mac", SCHEMA_MAC, SCHEMA_MEMBER(struct thing, mac) },
		{ "ip", SCHEMA_IPV4, SCHEMA_MEMBER(struct thing, ip) },
		{ "cpus", SCHEMA_CPUS, SCHEMA_MEMBER(struct thing, cpus) },
		{ "bits", SCHEMA_BITS, SCHEMA_MEMBER(struct thing, bits), .max = 7, .noun = "bit" },
		{ "affinity", SCHEMA_AFFINITY, SCHEMA_MEMBER(struct thing, affinity), .max = 9, .words = words },
		{ "fds", SCHEMA_FDS, SCHEMA_MEMBER(struct thing, fds) },
		{ "distance", SCHEMA_DISTANCES, SCHEMA_MEMBER(struct thing, distance), .min = 10, .max = 255 },
		{ "names", SCHEMA_NAMES, SCHEMA_MEMBER(struct thing, names), .remedy = "name one" },
		{ "topology", SCHEMA_TOPOLOGY, SCHEMA_MEMBER(struct thing, topology), .min = 1, .max = 9 },
		SCHEMA_FOREIGN("foreign", "something else", "off|1"),
		{ .name = NULL },
	},
};
/* clang-format on */

static int setup(void **state)
{
	static struct thing thing;

	memset(&thing, 0, sizeof(thing));
	*state = &thing;
	return schema_preset(&schema, &thing);
}

static int teardown(void **state)
{
	schema_free(&schema, *state);
	/* Twice is once. */
	schema_free(&schema, *state);
	return 0;
}

static void good(struct thing *thing, const char *text)
{
	struct error err = { 0 };

	if (schema_read(&schema, text, thing, NULL, &err))
		fail_msg("%s: %s: %s", text, err.object, err.reason);
}

static void bad(struct thing *thing, const char *text, const char *object, const char *reason,
		const char *remedy)
{
	struct error err = { 0 };

	assert_int_equal(schema_read(&schema, text, thing, NULL, &err), -EINVAL);
	assert_string_equal(err.object, object);
	if (!strstr(err.reason, reason) || !strstr(err.remedy, remedy))
		fail_msg("%s: %s; %s", text, err.reason, err.remedy);
}

static void what_is_not_given_is_as_it_was(void **state)
{
	struct thing *thing = *state;

	good(thing, "large=18446744073709551615");
	assert_true(thing->on && thing->number == 7 && thing->or_none == -1);
	assert_string_equal(thing->string, "default");
	assert_true(thing->large == UINT64_MAX);
	good(thing, "3,on=off,or_none=0,string=\"a,\"\"b\"");
	assert_true(!thing->on && thing->number == 3 && thing->or_none == 0);
	assert_string_equal(thing->string, "a,\"b");
	assert_true(thing->large == UINT64_MAX);
}

static void each_kind_has_its_member(void **state)
{
	struct thing *thing = *state;

	good(thing,
	     "small=128,size=3G,word=second,mode=0640,mac=02:00:00:00:00:0f,ip=10.1.2.3,cpus=[0-2,9],"
	     "bits=[0,7],affinity=[1@[2,3],0@7],fds=[3,9],distance=[1@20,3@255],names=[a,bc],topology=1:2:3:4");
	assert_int_equal(thing->small, 128);
	assert_int_equal(thing->size, 3ULL << 30);
	assert_true(thing->word);
	assert_int_equal(thing->mode, 0640);
	assert_true(thing->mac.is_set && thing->mac.byte[5] == 0x0f);
	assert_int_equal(ntohl(thing->ip.s_addr), 0x0a010203);
	assert_int_equal(CPU_COUNT(&thing->cpus), 4);
	assert_int_equal(thing->bits, 0x81);
	assert_int_equal(thing->affinity.nr, 2);
	assert_int_equal(thing->affinity.list[0].index, 1);
	assert_true(CPU_ISSET(3, &thing->affinity.list[0].cpus));
	assert_int_equal(thing->fds.nr, 2);
	assert_int_equal(thing->fds.fd[1], 9);
	assert_int_equal(thing->distance[3], 255);
	assert_int_equal(thing->names.nr, 2);
	assert_string_equal(thing->names.name[1], "bc");
	assert_int_equal(thing->topology[3], 4);
	/* Read again it is another. */
	good(thing, "affinity=second,string=x,names=d");
	assert_int_equal(thing->affinity.word, 1);
	assert_string_equal(thing->names.name[thing->names.nr - 1], "d");
}

static void what_will_not_do_says_why(void **state)
{
	struct thing *thing = *state;

	bad(thing, "100", "key number", "100 is too large", "from 0 to 99");
	bad(thing, "small=3", "key small", "no power of two", "use 2, 4, 8 and so on up to 128");
	bad(thing, "small=256", "key small", "256 is too large", "use 2, 4, 8");
	bad(thing, "large=18446744073709551616", "key large", "too large", "18446744073709551615");
	bad(thing, "string=123456789", "key string", "more than 8 characters", "shorten");
	bad(thing, "word=frist", "key word", "\"frist\" is unknown", "did you mean first?");
	bad(thing, "word=OTHER", "key word", "not here", "go there");
	bad(thing, "bits=[8]", "key bits", "there is no bit 8", "from 0 to 7");
	bad(thing, "names=[]", "key names", "an empty list", "name one");
	bad(thing, "foreign=x", "key foreign", "not supported yet: it needs something else",
	    "write foreign=off");
	good(thing, "foreign=1,on=off");
	good(thing, "foreign=false");
	bad(thing, "on=on,on=off", "key on", "given twice", "leave one");
	bad(thing, "no=1", "key no", "unknown", "did you mean on?");
	bad(thing, "on=on,", "value", "nothing before or after", "single commas");
	bad(thing, "cpus=[1", "value", "do not match", "close each");
	assert_int_equal(thing->number, 7);
}

static void keys_together_are_checked_last(void **state)
{
	const unsigned least = 5;
	struct error err = { 0 };

	assert_int_equal(schema_read(&schema, "6", *state, &least, &err), 0);
	assert_int_equal(schema_read(&schema, "4", *state, &least, &err), -EINVAL);
	assert_string_equal(err.reason, "4 is little");
}

static void single_pairs(void **state)
{
	struct thing *thing = *state;
	struct error err = { 0 };

	assert_int_equal(schema_read_pair(&schema, "mode=0600", thing, &err), 0);
	assert_int_equal(thing->mode, 0600);
	assert_int_equal(schema_read_pair(&schema, "foreign=off", thing, &err), 0);
	assert_int_equal(schema_read_pair(&schema, "mode", thing, &err), -EINVAL);
	assert_int_equal(schema_read_pair(&schema, "modes=0600", thing, &err), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* As help is written, and as a manual page has it: macros begin lines, and so do sentences. */
static void help_is_mdoc(void **state)
{
	static const char help[] = "With `--on`, (`a b`) it 1.5 *n*s, see chmod(1). `.prom`\n"
				   "- off: None.\n- file=PATH: A \"file\".\nThe end";
	static const char mdoc[] = "With\n"
				   ".Li \\-\\-on ,\n"
				   ".Pf \\&( Li \"a b\" )\n"
				   "it 1.5\n"
				   ".Ar n Ns No s ,\n"
				   "see\n"
				   ".Xr chmod 1 .\n"
				   ".Li \\&.prom\n"
				   ".Bl -tag -width Ds -compact\n"
				   ".It Cm off\nNone.\n"
				   ".It Cm file Ns = Ns Ar path\nA \"file\".\n"
				   ".El\n"
				   ".Pp\nThe end\n";
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	schema_mdoc_text(help, out);
	schema_mdoc_value("2M|[,mode=MODE]", out);
	fclose(out);
	assert_true(size > sizeof(mdoc));
	assert_memory_equal(text, mdoc, sizeof(mdoc) - 1);
	assert_string_equal(text + sizeof(mdoc) - 1,
			    "Cm 2M Ns No \\&|[, Ns Cm mode Ns No \\&= Ns Ar mode Ns No \\&]");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_given_is_as_it_was),
		TEST(each_kind_has_its_member),
		TEST(what_will_not_do_says_why),
		TEST(keys_together_are_checked_last),
		TEST(single_pairs),
		TEST(help_is_mdoc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
