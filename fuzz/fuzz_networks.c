/* Any bytes as a networks file. What is taken must be coherent, and name each network once. */
#include <stdlib.h>
#include <string.h>

#include "core/network.h"
#include "core/quote_view.h"

/* Every entry is found again, and the lists of advisories contradict each other nowhere. */
static void
check_lists(const struct network *net)
{
	const struct platform_list *lists[] = {&net->allow, &net->deny};
	const char *id = net->tcb.advisories_accept;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (!platform_list_has(lists[k], (enum platform_key)lists[k]->v[i].key,
				lists[k]->v[i].value))
				abort();
	for (size_t i = 0; i < net->source_n; i++)
		if (!net->sources[i].name[0] || net->sources[i].repo_id < 0)
			abort();
	while (*id) {
		size_t len = strcspn(id, ",");

		if (len == 0 || advisory_list_has(net->tcb.advisories_deny, span_of(id, len)))
			abort();
		id += len + (id[len] == ',');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct networks nets = {.n = 99};
	struct err e = {0};

	if (!networks_parse(&nets, span_of(p, n), &e)) {
		if (nets.n != 99 || !e.shown[0])
			abort();
		return 0;
	}
	if (nets.n < 1 || nets.n > NETWORKS_MAX)
		abort();
	for (size_t i = 0; i < nets.n; i++) {
		const struct network *net = &nets.v[i];

		if (!net->tcb_accept || (net->tcb_accept & TCB_BIT(TCB_REVOKED)) || net->allow_sgx)
			abort();
		if (net->sealed_only
		    && (net->allow_debug || net->legacy_agents || !net->needs_pins))
			abort();
		if (networks_find(&nets, net->name) != net || strlen(net->name) == 0)
			abort();
		check_lists(net);
	}
	networks_free(&nets);
	return 0;
}
