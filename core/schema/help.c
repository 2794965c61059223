/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/help.h"

#include "core/schema/internal.h"

static const char *const placeholder[] = {
	[SCHEMA_BOOL] = "on|off",      [SCHEMA_UINT] = "N",
	[SCHEMA_SIZE] = "SIZE",	       [SCHEMA_STRING] = "TEXT",
	[SCHEMA_MODE] = "MODE",	       [SCHEMA_MAC] = "ADDRESS",
	[SCHEMA_IPV4] = "ADDRESS",     [SCHEMA_CPUS] = "[CPU,CPU-CPU,...]",
	[SCHEMA_BITS] = "[N,...]",     [SCHEMA_AFFINITY] = "[N@[CPU,...],...]",
	[SCHEMA_FDS] = "N|[N,...]",    [SCHEMA_DISTANCES] = "[N@DISTANCE,...]",
	[SCHEMA_NAMES] = "[NAME,...]", [SCHEMA_TOPOLOGY] = "T:C:D:P",
};

bool schema_is_typed(const struct schema_key *key)
{
	return !key->needs && key->kind < SCHEMA_STRUCT && !(key->flags & SCHEMA_JSON);
}

void schema_put_value(const struct schema_key *key, FILE *out)
{
	const char *bar = "";

	for (unsigned i = 0; key->words && key->words[i].text; i++) {
		/* What one would not write to ask for the default is left out. */
		if (key->words[i].reason || key->words[i].is_silent)
			continue;
		fprintf(out, "%s%s", bar, key->words[i].text);
		bar = "|";
	}
	if (key->kind != SCHEMA_WORD)
		fprintf(out, "%s%s", bar, key->value ?: placeholder[key->kind]);
}

/* What is written without brackets: what has to be there, or the first. */
static bool is_head(const struct schema *schema, unsigned at)
{
	bool required = false;

	for (unsigned i = 0; i < schema_count(schema); i++)
		required |= !!(schema->key[i].flags & SCHEMA_REQUIRED);
	return required ? schema->key[at].flags & SCHEMA_REQUIRED : at == 0;
}

static void put_keys(const struct schema *schema, bool head, FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];

		if (!schema_is_typed(key) || is_head(schema, i) != head)
			continue;
		fprintf(out, head ? "%s%s=" : "%s[,%s=", head ? any ? "," : "" : "\n", key->name);
		schema_put_value(key, out);
		fputs(head ? "" : "]", out);
		any = true;
	}
}

void schema_put_pairs(const struct schema *schema, FILE *out)
{
	const char *blank = "";

	for (unsigned i = 0; i < schema_count(schema); i++) {
		if (!schema_is_typed(&schema->key[i]))
			continue;
		fprintf(out, "%s%s=", blank, schema->key[i].name);
		schema_put_value(&schema->key[i], out);
		blank = " ";
	}
}

void schema_put_syntax(const struct schema *schema, FILE *out)
{
	if (schema->bare) {
		schema_put_value(&schema->key[0], out);
		fputs(" | ", out);
	}
	put_keys(schema, true, out);
	put_keys(schema, false, out);
}
