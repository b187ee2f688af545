/* bench_fleet: very many agents in one process. Each opens a tunnel, registers an app of its own,
 * answers its challenge with a quote of its own platform and stays. Quotes are signed here, so the
 * control plane's CPU is its own.
 * usage: bench_fleet URL[,URL...] SEED_FILE REPO TAG AGENTS AT_ONCE [FAMILIES] [CA]
 * URLs are dialled in turn, and the first is the audience: with the addresses of one control plane the
 * system need not search for a free port among thousands that lead to one.
 * FAMILIES: so many FMSPCs, in turn; 1.
 * Prints "attested N SECONDS", then for each tenth of the fleet the median milliseconds from dialling
 * to admission, then "idle", and stays until its standard input ends. */
#include "bench.h"

#include <openssl/evp.h>
#include <poll.h>

#include "attest/attest.h"
#include "base/hex.h"
#include "net/ws_conn.h"
#include "os/file.h"
#include "sim/platform.h"
#include "wire/message.h"
#include "wire/url.h"

#define AGENTS_MAX 19500u
#define URLS_MAX   8
#define NETWORK    "sandbox-1"
#define CLAIMS     "{\"sealed\":true,\"vm_image_id\":\"image-1\"}"

struct fleet;

struct agent {
	struct fleet *f;
	struct ws_conn *ws;
	EVP_PKEY *key;
	struct buf certification;
	uint64_t begun_ms;
	uint32_t took_ms;
	bool attested;
};

struct fleet {
	struct net_loop *loop;
	const char *urls[URLS_MAX], *repo, *tag;
	size_t url_n;
	char audience[URL_ORIGIN_MAX];
	struct tls_ctx *tls; /* for wss */
	struct sim_platform sim;
	struct sim_td td;
	struct json_doc claims;
	struct agent *agents;
	size_t n, dialled, attested, at_once, families;
	struct net_timer poll;
};

static size_t
number_of(const struct agent *a)
{
	return (size_t)(a - a->f->agents);
}

/* -- platforms, before the clock runs -- */

static void
provision(struct agent *a)
{
	const struct sim_vm *vm;
	struct sim_qe qe = {0};
	struct err e = {0};
	char name[24], json[40];

	snprintf(name, sizeof name, "p%zu", number_of(a));
	snprintf(json, sizeof json, "{\"family\":%zu}", number_of(a) % a->f->families);
	if (!sim_platform_put_vm(&a->f->sim, span_str(name), span_str(json), time(NULL), &e))
		die(e.detail);
	vm = sim_platform_find_vm(&a->f->sim, span_str(name));
	a->key = EVP_EC_gen("P-256");
	qe.bound_key = a->key;
	qe.pck_key = vm->pck_key;
	qe.pck_chain = buf_span(&vm->chain);
	qe.svn = vm->qe_svn;
	sim_qe_measure(qe.mrenclave, qe.mrsigner);
	buf_init(&a->certification, 65536);
	if (!a->key || !sim_qe_certify(&qe, &a->certification, &e))
		die(e.detail);
	sim_platform_drop_vm(&a->f->sim, span_str(name));
}

/* -- one agent -- */

static void dial_next(struct fleet *f);

struct names {
	char app[32], agent[32];
};

static struct attest_identity
identity_of(const struct agent *a, struct names *n)
{
	snprintf(n->app, sizeof n->app, "app-%zu", number_of(a));
	snprintf(n->agent, sizeof n->agent, "agent-%zu", number_of(a));
	return (struct attest_identity){a->f->repo, a->f->tag, n->app, NETWORK, n->agent};
}

static void
on_open(struct ws_conn *w, void *ctx)
{
	struct names names;
	struct attest_identity id = identity_of(ctx, &names);
	struct msg_register m = {.tunnel_version = 1};
	struct buf b;

	snprintf(m.repo, sizeof m.repo, "%s", id.repo);
	snprintf(m.release_tag, sizeof m.release_tag, "%s", id.release_tag);
	snprintf(m.app_name, sizeof m.app_name, "%s", id.app_name);
	snprintf(m.network, sizeof m.network, "%s", id.network);
	snprintf(m.agent_id, sizeof m.agent_id, "%s", id.agent_id);
	buf_init(&b, 4096);
	msg_write_register(&b, &m);
	(void)ws_conn_send_text(w, buf_span(&b));
	buf_fini(&b);
}

static void
answer(struct agent *a, const struct msg_attest_request *m)
{
	struct names names;
	struct attest_identity id = identity_of(a, &names);
	uint8_t exporter[TLS_EXPORTER_SIZE];
	char channel[ATTEST_CHANNEL_MAX + 1] = "";
	struct attest_binding binding = {.id = &id, .audience = a->f->audience, .channel = channel};
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct sim_quote q = {.version = 4,
	    .td = &a->f->td,
	    .report_data = report_data,
	    .attestation_key = a->key,
	    .certification = buf_span(&a->certification)};
	struct buf quote, text;
	struct err e = {0};

	if (m->channel && ws_conn_tls_exporter(a->ws, exporter))
		hex_encode(span_of(exporter, sizeof exporter), channel);
	buf_init(&quote, 65536);
	buf_init(&text, 262144);
	if (!hex_decode(span_str(m->nonce), binding.nonce, sizeof binding.nonce)
	    || !attest_report_data(
		&a->f->claims, json_top(&a->f->claims), &binding, report_data, &e)
	    || !sim_quote_write(&q, &quote, &e))
		die(e.detail);
	msg_write_attest_response(&text, m->nonce, buf_span(&quote),
	    span_of(report_data, sizeof report_data), span_str(CLAIMS));
	(void)ws_conn_send_text(a->ws, buf_span(&text));
	buf_fini(&quote);
	buf_fini(&text);
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	struct agent *a = ctx;
	struct err e = {0};
	struct msg m;

	if (!msg_parse(&m, text, MSG_FROM_CONTROL, &e))
		die(e.detail);
	if (m.type == MSG_ATTEST_REQUEST) {
		answer(a, &m.u.attest_request);
	} else if (m.type == MSG_STATUS && strcmp(m.u.status.reason, "attested") == 0) {
		a->took_ms = (uint32_t)(net_loop_now_ms(a->f->loop) - a->begun_ms);
		if (!a->attested) {
			a->attested = true;
			a->f->attested++;
			dial_next(a->f);
		}
	} else {
		die(m.u.status.reason);
	}
	msg_fini(&m);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	die("a binary message");
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	die(why && why->code != ERR_NONE ? why->detail : "a tunnel was closed");
}

static const struct ws_conn_ops ops = {
    .on_open = on_open, .on_text = on_text, .on_binary = on_binary, .on_close = on_close};

static void
dial_next(struct fleet *f)
{
	static const struct ws_conn_opts o = {.max_message = 65536};
	struct ws_dial d = {.tls = f->tls, .timeout_ms = 60000};
	struct err e = {0};

	while (f->dialled < f->n && f->dialled - f->attested < f->at_once) {
		struct agent *a = &f->agents[f->dialled++];

		d.url = f->urls[number_of(a) % f->url_n];
		a->begun_ms = net_loop_now_ms(f->loop);
		a->ws = ws_conn_dial(f->loop, &d, &o, &ops, a, &e);
		if (!a->ws)
			die(e.detail);
	}
	if (f->attested == f->n)
		net_loop_stop(f->loop);
}

/* -- the whole -- */

static void
on_poll(void *ctx)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};

	if (poll(&in, 1, 0) > 0)
		net_loop_stop(((struct fleet *)ctx)->loop);
}

static int
compare(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return (a > b) - (a < b);
}

static void
report(const struct fleet *f, double seconds)
{
	printf("attested %zu %.3f\n", f->n, seconds);
	for (size_t tenth = 0; tenth < 10; tenth++) {
		size_t from = tenth * f->n / 10, to = (tenth + 1) * f->n / 10;
		uint32_t *took = calloc(to - from + 1, sizeof *took);

		if (!took)
			die("no memory");
		for (size_t i = from; i < to; i++)
			took[i - from] = f->agents[i].took_ms;
		qsort(took, to - from, sizeof *took, compare);
		printf("tenth %zu %u\n", tenth, took[(to - from) / 2]);
		free(took);
	}
	printf("idle\n");
	fflush(stdout);
}

static void
prepare(struct fleet *f, const char *seed_file)
{
	static const struct json_limits lim = {4, 64};
	uint8_t seed[SIM_SEED_SIZE];
	const struct sim_vm *vm;
	struct err e = {0};
	struct buf b;
	struct url u;

	buf_init(&b, 256);
	if (!file_read(seed_file, 256, &b, &e))
		die(e.detail);
	if (b.n == sizeof seed)
		memcpy(seed, b.p, sizeof seed);
	else if (!hex_decode(span_first(buf_span(&b), 2 * sizeof seed), seed, sizeof seed))
		die("the seed is none");
	buf_fini(&b);
	if (!url_parse(&u, span_str(f->urls[0]), &e)
	    || !sim_platform_init(&f->sim, seed, "http://127.0.0.1:1", time(NULL), &e)
	    || !sim_platform_put_vm(&f->sim, span_str("vm1"), span_str(""), time(NULL), &e)
	    || !json_parse(&f->claims, span_str(CLAIMS), lim, &e))
		die(e.detail);
	url_origin(&u, f->audience);
	vm = sim_platform_find_vm(&f->sim, span_str("vm1"));
	f->td = vm->td; /* the registers that the release's allowlist pins */
	for (size_t i = 0; i < f->n; i++) {
		f->agents[i].f = f;
		provision(&f->agents[i]);
	}
}

int
main(int argc, char **argv)
{
	static struct fleet f;
	struct err e = {0};
	char *rest;
	double begin;

	if (argc < 7 || argc > 9)
		die("usage: bench_fleet URL[,URL...] SEED_FILE REPO TAG AGENTS AT_ONCE [FAMILIES] "
		    "[CA]");
	for (char *url = strtok_r(argv[1], ",", &rest); url; url = strtok_r(NULL, ",", &rest)) {
		if (f.url_n == URLS_MAX)
			die("too many URLs");
		f.urls[f.url_n++] = url;
	}
	if (!f.url_n)
		die("no URL");
	f.repo = argv[3];
	f.tag = argv[4];
	f.n = strtoul(argv[5], NULL, 10);
	f.at_once = strtoul(argv[6], NULL, 10);
	f.families = argc > 7 ? strtoul(argv[7], NULL, 10) : 1;
	if (argc > 8 && !(f.tls = tls_ctx_client(argv[8], &e)))
		die(e.detail);
	if (f.n == 0 || f.n > AGENTS_MAX || f.at_once == 0 || f.families == 0)
		die("too many agents, or none");
	f.agents = calloc(f.n, sizeof *f.agents);
	f.loop = net_loop_new(&e);
	if (!f.agents || !f.loop)
		die("no memory");
	prepare(&f, argv[2]);
	printf("ready\n");
	fflush(stdout);
	(void)getchar(); /* the measurer says when */
	begin = now_s();
	dial_next(&f);
	net_loop_run(f.loop);
	report(&f, now_s() - begin);
	/* The tunnels stay, silent, and answer pings until the measurer has seen enough. */
	net_timer_repeat(f.loop, &f.poll, 100, on_poll, &f);
	net_loop_run(f.loop);
	exit(0);
}
