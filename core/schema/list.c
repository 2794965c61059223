/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that are lists. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/internal.h"

/* A number at *@p, which moves behind it. */
static bool take_number(const char **p, uint64_t max, unsigned *out)
{
	char *end;
	unsigned long n;

	if (**p < '0' || **p > '9')
		return false;
	n = strtoul(*p, &end, 10);
	*p = end;
	*out = (unsigned)n;
	return n <= max;
}

static bool take(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* "1" or "3-5". Return: 0; -EINVAL neither; -ERANGE CPUs that a set does not hold. */
static int take_range(const char **p, cpu_set_t *cpus)
{
	unsigned first, last;

	if (!take_number(p, UINT_MAX, &first))
		return -EINVAL;
	last = first;
	if (take(p, '-') && (!take_number(p, UINT_MAX, &last) || last < first))
		return -EINVAL;
	if (last >= CPU_SETSIZE)
		return -ERANGE;
	for (; first <= last; first++)
		CPU_SET(first, cpus);
	return 0;
}

/* "1,3-5" */
static int take_cpus(const char **p, cpu_set_t *cpus)
{
	int r;

	CPU_ZERO(cpus);
	do {
		r = take_range(p, cpus);
	} while (!r && take(p, ','));
	return r;
}

/* "[1,3-5]", or without brackets a single number or range */
static int take_set(const char **p, cpu_set_t *cpus)
{
	int r;

	CPU_ZERO(cpus);
	if (!take(p, '['))
		return take_range(p, cpus);
	r = take_cpus(p, cpus);
	return !r && !take(p, ']') ? -EINVAL : r;
}

/* "0@[1,3-5],1@2", a list that grows. Return: 0; -EINVAL; -ERANGE; -EEXIST @index is there already; -ENOMEM. */
static int take_affinities(const char **p, uint64_t max, struct schema_affinities *all,
			   unsigned *index)
{
	do {
		struct schema_affinity entry, *longer;
		int r;

		if (!take_number(p, max, &entry.index) || !take(p, '@'))
			return -EINVAL;
		r = take_set(p, &entry.cpus);
		if (r)
			return r;
		*index = entry.index;
		for (unsigned i = 0; i < all->nr; i++) {
			if (all->list[i].index == entry.index)
				return -EEXIST;
		}
		longer = realloc(all->list, (all->nr + 1) * sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		all->list = longer;
		all->list[all->nr++] = entry;
	} while (take(p, ','));
	return 0;
}

static int refuse_affinity(const struct schema_values *values, unsigned i, int why, unsigned index,
			   struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];

	if (why == -ENOMEM)
		return error_set(err, -ENOMEM, "value");
	if (why == -ERANGE) {
		schema_refuse(values->schema->key[i].name, err, "\"%s\": there is no such CPU",
			      values->value[i]);
		return error_remedy(err, "CPUs are numbered from 0 to %d at most", CPU_SETSIZE - 1);
	}
	if (why == -EEXIST) {
		schema_refuse(values->schema->key[i].name, err, "%u is given twice", index);
		return error_remedy(err, "name all of its CPUs at once: %u@[1,3-5]", index);
	}
	schema_refuse(values->schema->key[i].name, err,
		      "\"%s\" is no list of numbers up to %llu with their CPUs", values->value[i],
		      (unsigned long long)key->max);
	return error_remedy(err, "write [0@[1,3-5],1@[2]] for 0 on CPUs 1, 3, 4 and 5, and 1 on 2");
}

static int read_affinity(const struct schema_values *values, unsigned i, void *to,
			 struct error *err)
{
	const char *p = values->value[i];
	struct schema_affinities all = { 0 }, *out = to;
	bool brackets = take(&p, '[');
	unsigned index = 0;
	int r = take_affinities(&p, values->schema->key[i].max, &all, &index);

	if (!r && ((brackets && !take(&p, ']')) || *p))
		r = -EINVAL;
	if (r) {
		free(all.list);
		return refuse_affinity(values, i, r, index, err);
	}
	free(out->list);
	*out = all;
	return 0;
}

static int read_cpus(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *p = values->value[i];
	bool list = take(&p, '[');
	cpu_set_t cpus;

	if (!take_cpus(&p, &cpus) && (!list || take(&p, ']')) && !*p) {
		*(cpu_set_t *)to = cpus;
		return 0;
	}
	schema_refuse(values->schema->key[i].name, err, "\"%s\" is no list of CPUs",
		      values->value[i]);
	return error_remedy(err, "write [0-3,5] for 0, 1, 2, 3 and 5");
}

static int read_bits(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	uint64_t bits = 0;
	cpu_set_t set;
	int r = read_cpus(values, i, &set, err);

	for (unsigned bit = 0; !r && bit < CPU_SETSIZE; bit++) {
		if (!CPU_ISSET(bit, &set))
			continue;
		if (bit > key->max) {
			schema_refuse(values->schema->key[i].name, err, "there is no %s %u",
				      key->noun, bit);
			return error_remedy(err, "choose from 0 to %llu",
					    (unsigned long long)key->max);
		}
		bits |= 1ULL << bit;
	}
	if (!r)
		schema_store(key, to, bits);
	return r;
}

static bool has_fd(const struct schema_fds *fds, unsigned fd)
{
	for (unsigned i = 0; i < fds->nr; i++) {
		if (fds->fd[i] == (int)fd)
			return true;
	}
	return false;
}

static int read_fds(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *name = values->schema->key[i].name, *p = values->value[i];
	struct schema_fds fds = { 0 };
	bool list = take(&p, '[');

	do {
		unsigned fd;

		if (!take_number(&p, 65535, &fd) || fd < 3)
			break;
		if (fds.nr == SCHEMA_MAX_FDS) {
			schema_refuse(name, err, "more than %d descriptors", SCHEMA_MAX_FDS);
			return error_remedy(err, "pass fewer");
		}
		if (has_fd(&fds, fd)) {
			schema_refuse(name, err, "descriptor %u is given twice", fd);
			return error_remedy(err, "each pair of queues has one of its own");
		}
		fds.fd[fds.nr++] = (int)fd;
		if (list && take(&p, ']'))
			list = false;
		if (!*p) {
			if (list)
				break;
			*(struct schema_fds *)to = fds;
			return 0;
		}
	} while (list && take(&p, ','));
	schema_refuse(name, err, "\"%s\" is no list of descriptors from 3 on", values->value[i]);
	return error_remedy(err, "write fd=3, or fd=[3,4] for two pairs of queues");
}

static int read_distances(const struct schema_values *values, unsigned i, void *to,
			  struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	unsigned given[SCHEMA_MAX_NODES] = { 0 }, node, d;
	const char *p = values->value[i];
	bool list = take(&p, '['), good;

	do {
		good = take_number(&p, SCHEMA_MAX_NODES - 1, &node) && take(&p, '@') &&
		       take_number(&p, key->max, &d) && d >= key->min && !given[node];
		if (good)
			given[node] = d;
	} while (good && take(&p, ','));
	if (good && (!list || take(&p, ']')) && !*p) {
		memcpy(to, given, sizeof(given));
		return 0;
	}
	schema_refuse(values->schema->key[i].name, err,
		      "\"%s\" is no list of nodes up to %u with their distances, %llu to %llu",
		      values->value[i], SCHEMA_MAX_NODES - 1, (unsigned long long)key->min,
		      (unsigned long long)key->max);
	return error_remedy(err, "write [1@20,2@30] for 20 to node 1 and 30 to node 2");
}

static int add_name(struct schema_names *names, const char *name, size_t len)
{
	char **longer = realloc(names->name, (names->nr + 1) * sizeof(*longer));

	if (!longer)
		return -ENOMEM;
	names->name = longer;
	names->name[names->nr] = strndup(name, len);
	return names->name[names->nr++] ? 0 : -ENOMEM;
}

/* "[a,b]", or "a" */
static int read_names(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *p = values->value[i], *end = p + strlen(p);
	struct schema_names names = { 0 };
	int r = 0;

	if (*p == '[' && end[-1] == ']') {
		p++;
		end--;
	}
	if (p == end) {
		schema_refuse(values->schema->key[i].name, err, "an empty list");
		return error_remedy(err, "%s", values->schema->key[i].remedy);
	}
	while (p <= end && !r) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma ? comma : end) - p);

		r = add_name(&names, p, len);
		p += len + 1;
	}
	schema_free_names(r ? &names : to);
	if (r)
		return error_set(err, r, "value");
	*(struct schema_names *)to = names;
	return 0;
}

int schema_take_list(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	switch (values->schema->key[i].kind) {
	case SCHEMA_AFFINITY:
		return read_affinity(values, i, to, err);
	case SCHEMA_BITS:
		return read_bits(values, i, to, err);
	case SCHEMA_FDS:
		return read_fds(values, i, to, err);
	case SCHEMA_DISTANCES:
		return read_distances(values, i, to, err);
	case SCHEMA_NAMES:
		return read_names(values, i, to, err);
	default:
		return read_cpus(values, i, to, err);
	}
}
