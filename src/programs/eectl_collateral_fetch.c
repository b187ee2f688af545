/* eectl collateral fetch: the client that ee-control has, for one platform, into a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "net/loop.h"
#include "os/file.h"
#include "programs/eectl_collateral.h"
#include "programs/eectl_io.h"

struct outcome {
	struct net_loop *loop;
	struct collateral *col; /* a reference */
	struct err why;
};

static bool
complain(const char *what, const char *value)
{
	(void)collateral_complain(COLLATERAL_CALL, what, value);
	return false;
}

/* The quote is not verified here: what is fetched for it is. */
static MUST_CHECK bool
key_of_quote(const char *path, struct collateral_key *k)
{
	struct eedcap_platform p;
	struct eedcap_error e = {0};
	struct eedcap_quote *q;
	struct buf b;
	bool ok;

	if (!eectl_read_quote(path, &b))
		return false;
	q = eedcap_quote_inspect(b.p, b.n, &e);
	buf_fini(&b);
	ok = q && eedcap_quote_platform(q, &p, &e);
	if (ok) {
		memcpy(k->fmspc, p.fmspc, sizeof k->fmspc);
		memcpy(k->root_crl_url, p.root_crl_url, sizeof k->root_crl_url);
		k->ca = p.ca;
		k->tee = eedcap_quote_tee(q);
	}
	eedcap_quote_free(q);
	return ok || complain(path, e.detail);
}

static MUST_CHECK bool
one_of(const char *value, const char *a, const char *b, bool *is_b)
{
	*is_b = value && strcmp(value, b) == 0;
	return !value || *is_b || strcmp(value, a) == 0;
}

static MUST_CHECK bool
key_of_args(const struct collateral_args *a, struct collateral_key *k)
{
	bool processor, sgx;

	if (!hex_decode(span_str(a->fmspc), k->fmspc, sizeof k->fmspc))
		return complain("--fmspc takes 12 hex digits", a->fmspc);
	if (!one_of(a->ca, "platform", "processor", &processor))
		return complain("--ca takes platform or processor", a->ca);
	if (!one_of(a->tee, "tdx", "sgx", &sgx))
		return complain("--tee takes tdx or sgx", a->tee);
	k->ca = processor ? EEDCAP_CA_PROCESSOR : EEDCAP_CA_PLATFORM;
	k->tee = sgx ? EEDCAP_SGX : EEDCAP_TDX;
	return true;
}

static MUST_CHECK bool
read_timeout(const struct collateral_args *a, uint32_t *s)
{
	char *end;
	unsigned long n = a->timeout ? strtoul(a->timeout, &end, 10) : 20;

	*s = (uint32_t)n;
	return !a->timeout
	       || (a->timeout[0] >= '0' && a->timeout[0] <= '9' && *end == '\0' && n > 0
		   && n <= 3600)
	       || complain("--timeout takes seconds, 1 to 3600", a->timeout);
}

static void
on_done(struct collateral *col, const struct err *why, void *ctx)
{
	struct outcome *o = ctx;

	if (col)
		o->col = collateral_ref(col);
	else
		o->why = *why;
	net_loop_stop(o->loop);
}

static int
told(const struct err *e, int code)
{
	char token[ERR_TOKEN_MAX];

	fprintf(stderr, "eectl collateral: %s: %s\n", err_token(e, token), e->detail);
	return code;
}

/* The verifier's words are rows of the table of reasons, those about the service are not. */
static int
code_of(const struct err *e)
{
	if (reason_find(e->arg, strlen(e->arg)) != REASON_COUNT)
		return collateral_code(e);
	return strstr(e->arg, "_other_") ? COLLATERAL_UNTRUSTED : COLLATERAL_UNAVAILABLE;
}

/* Out of its time it is of no use to anybody: told and not written. */
static int
keep(const struct collateral_args *a, const struct outcome *o)
{
	struct err e = {0};

	if (!o->col)
		return told(&o->why, code_of(&o->why));
	if (a->now_s < eedcap_collateral_start(o->col->handle)
	    || a->now_s > eedcap_collateral_expiry(o->col->handle))
		return collateral_complain(
		    COLLATERAL_OUTDATED, "what the service has is out of its time", NULL);
	return file_write(a->out, buf_span(&o->col->bundle), 0644, &e) ? COLLATERAL_DONE
								       : told(&e, COLLATERAL_FILE);
}

static int
ask(struct collateral_args *a, const struct collateral_key *k, struct collateral_opts *opts,
    struct outcome *o)
{
	struct collateral_client *c = NULL;
	struct fetcher *f = NULL, *service = NULL;
	struct env env;
	struct err e = {0};
	int rc;

	env_init(&env, LOG_ERROR);
	o->loop = net_loop_new(&e);
	if (o->loop && (f = fetcher_new(o->loop, NULL, &e)) != NULL
	    && (!a->service_ca || (service = fetcher_new(o->loop, a->service_ca, &e)) != NULL)) {
		opts->service = service;
		c = collateral_client_new(o->loop, f, &env, opts, &e);
	}
	if (c && collateral_get(c, k, on_done, o, &e))
		net_loop_run(o->loop);
	rc = e.code == ERR_NONE ? keep(a, o) : told(&e, COLLATERAL_CALL);
	collateral_unref(o->col);
	collateral_client_free(c);
	fetcher_close(f);
	fetcher_close(service);
	net_loop_free(o->loop);
	return rc;
}

int
collateral_fetch(struct collateral_args *a)
{
	struct collateral_opts opts = {.url = a->url ? a->url : getenv("EE_PCCS_URL"),
	    .root_key = a->root_ca ? a->root_key : NULL,
	    .dcap = a->dcap,
	    .early = a->early};
	struct collateral_key key = {.ca = EEDCAP_CA_PLATFORM};
	struct outcome o = {.loop = NULL};

	if (!read_timeout(a, &opts.timeout_s)
	    || !(a->quote ? key_of_quote(a->quote, &key) : key_of_args(a, &key)))
		return COLLATERAL_CALL;
	return ask(a, &key, &opts, &o);
}
