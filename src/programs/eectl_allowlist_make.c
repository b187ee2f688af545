/* eectl_allowlist_make.c - `eectl allowlist generate`: from evidence, or from a quote and claims. */
#include "programs/eectl_allowlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "core/allowlist_make.h"
#include "core/evidence.h"
#include "core/quote_eedcap.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

#define EXIT_MALFORMED 2
#define EXIT_REFUSED   6

struct options {
	const char *evidence, *quote, *claims, *tag, *pin, *created_at;
	struct make_options make;
	char created_text[RFC3339_SIZE];
};

/* VMs, with what their views borrow. */
struct source {
	struct make_vm *vms;
	struct eedcap_quote **quotes;
	size_t n;
};

/* -- the command line -- */

static const char **
value_of(struct options *o, const char *arg)
{
	const struct eectl_value values[] = {
	    {"--evidence", &o->evidence},
	    {"--quote", &o->quote},
	    {"--claims", &o->claims},
	    {"--tag", &o->tag},
	    {"--pin", &o->pin},
	    {"--created-at", &o->created_at},
	};

	return eectl_value_of(values, sizeof values / sizeof values[0], arg);
}

static MUST_CHECK bool
read_pins(struct options *o)
{
	struct span rest = span_str(o->pin);

	while (rest.n > 0) {
		const uint8_t *comma = memchr(rest.p, ',', rest.n);
		struct span one = span_first(rest, comma ? (size_t)(comma - rest.p) : rest.n);
		enum quote_reg r = quote_reg_find(one);

		if (r == REG_COUNT)
			return allowlist_complain("--pin: no register's name", o->pin);
		o->make.pin[r] = true;
		rest = span_from(rest, one.n + 1);
	}
	return true;
}

static MUST_CHECK bool
read_options(struct options *o, int argc, char **argv)
{
	int64_t at = (int64_t)time(NULL);

	for (int i = 0; i < argc; i++) {
		const char **value = value_of(o, argv[i]);

		if (!value)
			return allowlist_complain("unknown option", argv[i]);
		if (++i == argc)
			return allowlist_complain("value missing for", argv[i - 1]);
		*value = argv[i];
	}
	if (o->evidence ? o->quote || o->claims : !o->quote || !o->claims)
		return allowlist_complain("--evidence is needed, or --quote and --claims", NULL);
	if (o->created_at && !eectl_read_time(o->created_at, &at))
		return allowlist_complain("--created-at: no time", o->created_at);
	o->make.created_at = rfc3339_write(at, o->created_text);
	return read_pins(o);
}

/* -- making it -- */

static void
tell(void *ctx, const char *key, bool pinned, const char *why)
{
	char shown[64];
	size_t n = 0;

	for (; key[n] && n < sizeof shown - 1; n++)
		shown[n] = key[n] < ' ' || key[n] > '~' ? '?' : key[n];
	shown[n] = '\0';
	fprintf(stderr, "%-9s %-14s %s\n", pinned ? "pinned" : "left out", shown, why);
}

static int
make(const struct options *o, const struct source *s)
{
	struct err e = {0};
	struct buf out;
	int code = 0;

	buf_init(&out, LIMIT_ALLOWLIST);
	if (!allowlist_make(&out, &o->make, s->vms, s->n, tell, NULL, &e)) {
		(void)allowlist_complain(e.shown[0] ? e.shown : e.detail, NULL);
		code = e.code == ERR_POLICY ? EXIT_REFUSED : EXIT_MALFORMED;
	} else if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0) {
		(void)allowlist_complain("cannot write", NULL);
		code = EECTL_USAGE;
	}
	buf_fini(&out);
	return code;
}

static MUST_CHECK bool
source_init(struct source *s, size_t n)
{
	s->vms = calloc(n, sizeof *s->vms);
	s->quotes = calloc(n, sizeof *s->quotes);
	s->n = n;
	return (s->vms && s->quotes) || allowlist_complain("no memory", NULL);
}

static void
source_fini(struct source *s)
{
	for (size_t i = 0; s->quotes && i < s->n; i++)
		eedcap_quote_free(s->quotes[i]);
	free(s->quotes);
	free(s->vms);
}

static MUST_CHECK bool
add_vm(struct source *s, size_t i, struct span quote, const struct json_doc *doc,
    const struct json_node *claims)
{
	struct eedcap_error why;

	s->quotes[i] = eedcap_quote_inspect(quote.p, quote.n, &why);
	if (!s->quotes[i])
		return allowlist_complain(why.reason, why.detail);
	quote_view_of(&s->vms[i].quote, s->quotes[i], EEDCAP_STATUS_NONE);
	s->vms[i].doc = doc;
	s->vms[i].claims = claims;
	return true;
}

/* -- from evidence -- */

/* One list is one release's. */
static MUST_CHECK bool
one_release(const struct evidence_file *f)
{
	for (size_t i = 1; i < f->n; i++)
		if (strcmp(f->items[i].names.release_tag, f->items[0].names.release_tag) != 0)
			return allowlist_complain("the replicas run different releases: say --tag",
			    f->items[i].names.release_tag);
	return true;
}

static int
from_evidence_file(struct options *o, const struct evidence_file *f)
{
	struct source s = {0};
	bool ok;
	int code = EXIT_MALFORMED;

	if (f->n == 0) {
		(void)allowlist_complain("the document has no replica", NULL);
		return code;
	}
	o->make.release_tag = o->tag ? o->tag : f->items[0].names.release_tag;
	ok = (o->tag || one_release(f)) && source_init(&s, f->n);
	for (size_t i = 0; ok && i < f->n; i++)
		ok = add_vm(&s, i, buf_span(&f->items[i].quote), &f->doc, f->items[i].claims);
	if (ok)
		code = make(o, &s);
	source_fini(&s);
	return code;
}

static int
from_evidence(struct options *o)
{
	struct evidence_file f;
	struct err e = {0};
	struct buf text;
	int code = EXIT_MALFORMED;

	if (!eectl_read_file(o->evidence, LIMIT_EVIDENCE + 1, &text))
		return EECTL_USAGE;
	if (evidence_read(&f, buf_span(&text), &e)) {
		code = from_evidence_file(o, &f);
		evidence_file_free(&f);
	} else {
		(void)allowlist_complain(reason_token(e.reason), e.detail);
	}
	buf_fini(&text);
	return code;
}

/* -- from a quote and claims -- */

static int
from_texts(struct options *o, struct span quote, struct span claims)
{
	struct json_doc doc;
	struct source s = {0};
	struct err e = {0};
	int code = EXIT_MALFORMED;

	if (!json_parse(
		&doc, claims, (struct json_limits){LIMIT_JSON_DEPTH, LIMIT_JSON_NODES}, &e)) {
		(void)allowlist_complain("claims: no JSON", o->claims);
		return code;
	}
	o->make.release_tag = o->tag;
	if (source_init(&s, 1) && add_vm(&s, 0, quote, &doc, json_top(&doc)))
		code = make(o, &s);
	source_fini(&s);
	json_free(&doc);
	return code;
}

static int
from_quote(struct options *o)
{
	struct buf quote, claims;
	int code;

	if (!eectl_read_quote(o->quote, &quote))
		return EECTL_USAGE;
	if (!eectl_read_file(o->claims, LIMIT_CLAIMS + 1, &claims)) {
		buf_fini(&quote);
		return EECTL_USAGE;
	}
	code = from_texts(o, buf_span(&quote), buf_span(&claims));
	buf_fini(&quote);
	buf_fini(&claims);
	return code;
}

int
allowlist_generate_cmd(int argc, char **argv)
{
	struct options o = {0};

	if (!read_options(&o, argc, argv))
		return EECTL_USAGE;
	return o.evidence ? from_evidence(&o) : from_quote(&o);
}
