/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/print_json.h"

#include "core/config/option.h"
#include "core/schema/json.h"

static void put(json_t *object, FILE *out)
{
	json_dumpf(object, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(object);
}

static json_t *describe_vm(void)
{
	struct config preset = { 0 };
	json_t *vm = schema_preset(&config_vm_schema, &preset)
			     ? NULL
			     : schema_describe(&config_vm_schema, &preset);

	schema_free(&config_vm_schema, &preset);
	return vm;
}

/* What is nullable, which OpenAPI says so, in JSON Schema: null is one more of its types. */
static void say_null(json_t *type)
{
	json_t *value, *any;
	const char *key;

	json_object_foreach(type, key, value) say_null(value);
	if (!json_is_true(json_object_get(type, "nullable")))
		return;
	json_object_del(type, "nullable");
	any = json_object_get(type, "anyOf");
	if (any)
		json_array_append_new(any, json_pack("{s:s}", "type", "null"));
	else
		json_object_set_new(type, "type",
				    json_pack("[O, s]", json_object_get(type, "type"), "null"));
	if (json_object_get(type, "enum"))
		json_array_append_new(json_object_get(type, "enum"), json_null());
}

void config_print_json(FILE *out)
{
	json_t *vm = describe_vm();

	say_null(vm);
	json_object_set_new(vm, "$schema",
			    json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(vm, "title", json_string("torc " TORC_VERSION ": a VM"));
	put(vm, out);
}

void config_print_openapi(FILE *out)
{
	put(json_pack("{s:s, s:{s:s, s:s}, s:{}, s:{s:{s:o}}}", "openapi", "3.0.3", "info", "title",
		      "torc", "version", TORC_VERSION, "paths", "components", "schemas", "VmConfig",
		      describe_vm()),
	    out);
}
