#include "collateral/collateral_impl.h"

#include <stdio.h>

static bool
any_refused(const struct entry *en)
{
	return en->why.code != ERR_NONE || en->failures > 0;
}

void
entry_state(const struct entry *en, struct collateral_state *out)
{
	const struct collateral_client *c = en->client;
	int64_t now = env_now_s(c->env);

	memset(out, 0, sizeof *out);
	(void)key_name(&en->key, out->name);
	out->held = en->col != NULL;
	out->failing = any_refused(en);
	for (unsigned i = 0; i < EEDCAP_ITEMS; i++) {
		struct collateral_item_state *s = &out->item[i];
		struct eedcap_item_facts f;

		s->name = item_name((enum eedcap_item)i);
		snprintf(s->refused, sizeof s->refused, "%s", en->refused[i]);
		if (en->col == NULL)
			continue;
		eedcap_collateral_item(en->col->handle, (enum eedcap_item)i, &f);
		s->issued = f.issued;
		s->expiry = f.expiry;
		s->number = f.evaluation_number;
		if (out->expiry == 0 || f.expiry < out->expiry) {
			out->expiry = f.expiry;
			out->first = i;
		}
	}
	out->expired = out->held && now > out->expiry;
	out->aging = out->held && out->expiry - now <= (int64_t)c->warn_days * DAY_S;
}

bool
collateral_at(const struct collateral_client *c, size_t i, struct collateral_state *out)
{
	const struct entry *en = c->entries;

	while (en && i-- > 0)
		en = en->next;
	if (en)
		entry_state(en, out);
	return en != NULL;
}

void
collateral_figures(const struct collateral_client *c, struct collateral_figures *out)
{
	*out = c->count;
	out->entries = c->n;
	out->bytes = c->bytes;
	out->requests = c->plan.service.requests + c->plan.root_crl.requests;
	for (const struct entry *en = c->entries; en; en = en->next) {
		struct collateral_state s;

		entry_state(en, &s);
		out->aging += s.aging;
		out->failing += s.failing;
		out->expired += s.expired;
		if (s.held && (out->next_expiry == 0 || s.expiry < out->next_expiry))
			out->next_expiry = s.expiry;
	}
}
