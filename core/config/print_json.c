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

void config_print_json(FILE *out)
{
	json_t *vm = describe_vm();

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
