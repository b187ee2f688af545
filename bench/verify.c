/* bench_verify: what verifications cost, one line for each case: name, threads, verifications made,
 * signatures verified by each, microseconds for each. Platforms and quotes are made by the
 * simulator's code before the clock starts; a case that does not verify as many signatures as it
 * says is a failure.
 * usage: bench_verify [SECONDS]                    each case for so long (1)
 *        bench_verify SECONDS QUOTE COLLATERAL AT  cold, and again, with files under Intel's root */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eedcap.h"
#include "sim/platform.h"

#define NOW        ((int64_t)1790000000)
#define PLATFORMS  150u
#define KEYS       4u /* attestation keys of one platform, each with a QE report of its own */
#define QUOTES     2u /* quotes by one key */
#define ALL        (PLATFORMS * KEYS * QUOTES)
#define THREAD_MAX 2u

struct bench {
	struct sim_platform sim;
	uint8_t root[EEDCAP_ROOT_KEY_SIZE];
	struct buf collateral;
	struct buf quote[ALL]; /* by platform, then by key */
	double seconds;
};

static void
die(const char *what)
{
	fprintf(stderr, "bench_verify: %s\n", what);
	exit(1);
}

static double
seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU time, as `openssl speed` counts it: other programs do not count. */
static double
clock_s(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

/* For threads that run at the same time. */
static double
wall_s(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

/* -- the world -- */

static void
make_quotes(struct bench *b, struct buf *out, const struct sim_vm *vm)
{
	uint8_t report_data[SIM_REPORT_DATA_SIZE] = {0};
	struct sim_qe qe = {
	    .pck_key = vm->pck_key, .pck_chain = buf_span(&vm->chain), .svn = vm->qe_svn};
	struct sim_quote q = {.version = vm->version, .td = &vm->td, .report_data = report_data};
	struct buf certification;
	struct err e = {0};

	sim_qe_measure(qe.mrenclave, qe.mrsigner);
	for (uint8_t k = 0; k < KEYS; k++) {
		q.attestation_key = qe.bound_key = EVP_EC_gen("P-256");
		buf_init(&certification, 65536);
		if (!sim_qe_certify(&qe, &certification, &e))
			die(e.detail);
		q.certification = buf_span(&certification);
		for (uint8_t n = 0; n < QUOTES; n++, out++) {
			report_data[0] = n;
			buf_init(out, 65536);
			if (!sim_quote_write(&q, out, &e))
				die(e.detail);
		}
		buf_fini(&certification);
		EVP_PKEY_free(qe.bound_key);
	}
}

static void
make_world(struct bench *b)
{
	static const uint8_t seed[SIM_SEED_SIZE] = {1};
	struct eedcap_error why;
	struct err e = {0};
	struct buf pem;
	char name[16];

	if (!sim_platform_init(&b->sim, seed, "http://127.0.0.1:1", NOW, &e))
		die(e.detail);
	buf_init(&pem, 16384);
	buf_init(&b->collateral, EEDCAP_COLLATERAL_MAX);
	if (!sim_pki_chain_pem(&b->sim.pki, SIM_ROOT, &pem, &e)
	    || !sim_platform_bundle(&b->sim, NOW, &b->collateral, &e))
		die(e.detail);
	if (!eedcap_root_key(pem.p, pem.n, b->root, &why))
		die(why.detail);
	buf_fini(&pem);
	for (size_t i = 0; i < PLATFORMS; i++) {
		snprintf(name, sizeof name, "p%zu", i);
		if (!sim_platform_put_vm(&b->sim, span_str(name), span_str(""), NOW, &e))
			die(e.detail);
		make_quotes(
		    b, &b->quote[i * KEYS * QUOTES], sim_platform_find_vm(&b->sim, span_str(name)));
	}
}

static struct eedcap_context *
new_context(const uint8_t *root)
{
	struct eedcap_error why;
	struct eedcap_context *ctx = eedcap_context_new(root, PLATFORMS * KEYS, &why);

	if (!ctx)
		die(why.detail);
	return ctx;
}

static struct eedcap_collateral *
new_collateral(struct eedcap_context *ctx, const struct buf *json)
{
	struct eedcap_error why;
	struct eedcap_collateral *c = eedcap_collateral_parse(ctx, json->p, json->n, &why);

	if (!c)
		die(why.detail);
	return c;
}

static void
verify(struct eedcap_context *ctx, const struct eedcap_collateral *c, const struct buf *quote,
    int64_t now_s)
{
	static const struct eedcap_policy any = {
	    .accept = EEDCAP_ACCEPT_ANY, .flags = EEDCAP_ALLOW_DEBUG};
	struct eedcap_verdict *v = eedcap_verify(ctx, quote->p, quote->n, c, now_s, &any);

	if (!v || !eedcap_verdict_accepted(v))
		die(v ? eedcap_verdict_error(v)->detail : "no memory");
	eedcap_verdict_free(v);
}

static uint64_t
signatures(struct eedcap_context *ctx)
{
	struct eedcap_stats s;

	eedcap_context_stats(ctx, &s);
	return s.signatures_verified;
}

static void
report(const char *name, unsigned threads, uint64_t n, uint64_t sigs, double spent)
{
	if (n == 0)
		die("nothing was measured");
	printf("%s %u %llu %.2f %.3f\n", name, threads, (unsigned long long)n,
	    (double)sigs / (double)n, spent / (double)n * 1e6);
	fflush(stdout);
}

/* -- cases -- */

/* Everything from nothing: a context, the collateral, one quote. */
static void
run_cold(const char *name, const uint8_t *root, const struct buf *json, const struct buf *quote,
    int64_t now_s, double seconds)
{
	double begin = clock_s(), end = begin;
	uint64_t n = 0, sigs = 0;

	for (; end - begin < seconds; end = clock_s(), n++) {
		struct eedcap_error why;
		struct eedcap_context *ctx = eedcap_context_new(root, 1, &why);
		struct eedcap_collateral *c;

		if (!ctx)
			die(why.detail);
		c = new_collateral(ctx, json);
		verify(ctx, c, quote, now_s);
		sigs += signatures(ctx);
		eedcap_collateral_free(c);
		eedcap_context_free(ctx);
	}
	report(name, 1, n, sigs, end - begin);
}

/* What a pass does before the clock runs, and under it: every `step`-th quote from `from` on. */
struct pass {
	const char *name;
	size_t warm_n, warm_step; /* quotes verified before */
	size_t from, step;
	unsigned wanted; /* signatures each */
};

static void
run_pass(struct bench *b, const struct pass *p)
{
	uint64_t n = 0, sigs = 0;
	double spent = 0;

	while (spent < b->seconds) {
		struct eedcap_context *ctx = new_context(b->root);
		struct eedcap_collateral *c = new_collateral(ctx, &b->collateral);
		uint64_t before;
		double begin;

		for (size_t i = 0; i < p->warm_n; i += p->warm_step)
			verify(ctx, c, &b->quote[i], NOW);
		before = signatures(ctx);
		begin = clock_s();
		for (size_t i = p->from; i < ALL; i += p->step, n++)
			verify(ctx, c, &b->quote[i], NOW);
		spent += clock_s() - begin;
		sigs += signatures(ctx) - before;
		eedcap_collateral_free(c);
		eedcap_context_free(ctx);
	}
	if (sigs != n * p->wanted)
		die(p->name);
	report(p->name, 1, n, sigs, spent);
}

/* The same without eedcap_verify's signatures: a quote that was authenticated, judged anew. */
static void
run_judge(struct bench *b)
{
	struct eedcap_context *ctx = new_context(b->root);
	struct eedcap_collateral *c = new_collateral(ctx, &b->collateral);
	struct eedcap_error why;
	struct eedcap_quote *q = eedcap_authenticate(ctx, b->quote[0].p, b->quote[0].n, NOW, &why);
	uint64_t n = 0, before = signatures(ctx);
	double begin = clock_s(), end = begin;

	if (!q)
		die(why.detail);
	for (; end - begin < b->seconds / 4; end = clock_s())
		for (int i = 0; i < 100; i++, n++)
			eedcap_verdict_free(eedcap_judge(ctx, q, c, NOW, NULL));
	report("judge_again", 1, n, signatures(ctx) - before, end - begin);
	eedcap_quote_free(q);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
}

struct worker {
	pthread_t thread;
	struct bench *b;
	struct eedcap_context *ctx;
	const struct eedcap_collateral *c;
	size_t from;
	uint64_t n;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	double end = wall_s() + w->b->seconds;

	for (size_t i = w->from; wall_s() < end; i = (i + 1) % ALL, w->n++)
		verify(w->ctx, w->c, &w->b->quote[i], NOW);
	return NULL;
}

/* Re-attestations by several threads that share one context. */
static void
run_threads(struct bench *b, unsigned threads)
{
	struct worker w[THREAD_MAX];
	struct eedcap_context *ctx = new_context(b->root);
	struct eedcap_collateral *c = new_collateral(ctx, &b->collateral);
	uint64_t n = 0, before;
	double begin;

	for (size_t i = 0; i < ALL; i += QUOTES)
		verify(ctx, c, &b->quote[i], NOW);
	before = signatures(ctx);
	begin = wall_s();
	for (unsigned i = 0; i < threads; i++) {
		w[i] = (struct worker){.b = b, .ctx = ctx, .c = c, .from = i * ALL / threads};
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			die("no thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(w[i].thread, NULL);
		n += w[i].n;
	}
	report("re_attestation", threads, n, signatures(ctx) - before, wall_s() - begin);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
}

static void
run_all(struct bench *b)
{
	/* The first quote of a platform stands at every KEYS * QUOTES-th place, the first by a key
	 * at every QUOTES-th. One platform is always verified before: its PCK CA is known then. */
	static const struct pass passes[] = {
	    {"new_platform", 1, ALL, KEYS * QUOTES, KEYS * QUOTES, 3},
	    {"known_leaf", ALL, KEYS * QUOTES, QUOTES, KEYS * QUOTES, 2},
	    {"re_attestation", ALL, QUOTES, 1, QUOTES, 1},
	};

	make_world(b);
	run_cold("cold", b->root, &b->collateral, &b->quote[0], NOW, b->seconds);
	for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++)
		run_pass(b, &passes[i]);
	run_judge(b);
	run_threads(b, 2);
	for (size_t i = 0; i < ALL; i++)
		buf_fini(&b->quote[i]);
	buf_fini(&b->collateral);
	sim_platform_fini(&b->sim);
}

/* -- files -- */

static void
read_file(const char *path, struct buf *out)
{
	uint8_t piece[4096];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		die(path);
	buf_init(out, EEDCAP_COLLATERAL_MAX);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(out, span_of(piece, n));
	fclose(f);
}

static void
run_files(double seconds, char **argv)
{
	struct buf quote, json;
	struct eedcap_context *ctx = new_context(NULL);
	struct eedcap_collateral *c;
	int64_t now_s = strtoll(argv[2], NULL, 10);
	double begin, end;
	uint64_t n = 0, before;

	read_file(argv[0], &quote);
	read_file(argv[1], &json);
	run_cold("file_cold", NULL, &json, &quote, now_s, seconds);
	c = new_collateral(ctx, &json);
	verify(ctx, c, &quote, now_s);
	before = signatures(ctx);
	begin = end = clock_s();
	for (; end - begin < seconds; end = clock_s(), n++)
		verify(ctx, c, &quote, now_s);
	report("file_again", 1, n, signatures(ctx) - before, end - begin);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	buf_fini(&quote);
	buf_fini(&json);
}

int
main(int argc, char **argv)
{
	static struct bench b;

	b.seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	if ((argc > 2 && argc != 5) || b.seconds <= 0)
		die("usage: bench_verify [SECONDS [QUOTE COLLATERAL AT]]");
	if (argc == 5)
		run_files(b.seconds, argv + 2);
	else
		run_all(&b);
	return 0;
}
