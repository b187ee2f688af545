/* Any bytes as JSON. What is taken must hang together: children lie inside their parents' text, a
 * canonical form is taken again and is its own canonical form. */
#include "base/jcs.h"
#include "base/json.h"

#include <stdlib.h>

static const struct json_limits LIM = {.depth = 64, .nodes = 4096};

static void
check_nodes(const struct json_doc *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct json_node *n = &d->nodes[i], *c;
		size_t count = 0;

		for (c = json_first(d, n); c; c = json_next(d, n, c)) {
			if (c->text.p < n->text.p || c->text.p + c->text.n > n->text.p + n->text.n)
				abort();
			count++;
		}
		if (n->next <= i || n->next > d->n || count != n->count)
			abort();
	}
}

static void
check_canonical(struct span once)
{
	struct json_doc d;
	struct err e = {0};
	struct buf twice;

	buf_init(&twice, 1u << 20);
	if (!json_parse(&d, once, LIM, &e) || !jcs_canonical(&d, json_top(&d), &twice, &e)
	    || !span_eq(once, buf_span(&twice)))
		abort();
	json_free(&d);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct json_doc d;
	struct err e = {0};
	struct buf out;

	if (!copy)
		abort();
	if (n)
		memcpy(copy, p, n);
	buf_init(&out, 1u << 20);
	if (json_parse(&d, span_of(copy, n), LIM, &e)) {
		check_nodes(&d);
		if (jcs_canonical(&d, json_top(&d), &out, &e))
			check_canonical(buf_span(&out));
		json_free(&d);
	} else if (e.code == ERR_NONE || d.nodes) {
		abort();
	}
	buf_fini(&out);
	free(copy);
	return 0;
}
