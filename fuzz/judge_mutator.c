/* The mutator of fuzz_judge: it knows where the parts are. One of them is changed inside its
 * wrapping (hex, PEM, JSON string, lengths), the rest stays whole, so that most inputs get past the
 * parsers and one thing in them is odd. */
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "dcap/pem.h"
#include "dcap/quote.h"
#include "judge_input.h"

#define ROOM ((size_t)1 << 17)

size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

/* Mutate bytes of one part. */
static void
mutate(struct buf *b, struct span s)
{
	uint8_t *p;
	size_t n;

	buf_add(b, s);
	p = buf_grow(b, 64 + s.n / 2);
	if (!p)
		return;
	n = LLVMFuzzerMutate(b->p, s.n, s.n + 64 + s.n / 2);
	b->n = n;
}

/* Mutate one certificate of a PEM text. */
static void
mutate_chain(struct buf *out, struct span text, unsigned which)
{
	struct buf der, odd;

	for (unsigned i = 0;; i++) {
		buf_init(&der, ROOM);
		if (pem_next(&text, "CERTIFICATE", &der) != PEM_FOUND) {
			buf_fini(&der);
			return;
		}
		buf_init(&odd, ROOM);
		if (i == which % 3)
			mutate(&odd, buf_span(&der));
		else
			buf_add(&odd, buf_span(&der));
		buf_add_str(out, "-----BEGIN CERTIFICATE-----\n");
		base64_encode(buf_span(&odd), out);
		buf_add_str(out, "\n-----END CERTIFICATE-----\n");
		buf_fini(&odd);
		buf_fini(&der);
	}
}

static void
mutate_hex(struct buf *out, struct span text)
{
	struct buf bytes, odd;

	buf_init(&bytes, ROOM);
	buf_init(&odd, ROOM);
	if (hex_decode_buf(text, &bytes))
		mutate(&odd, buf_span(&bytes));
	hex_encode_buf(buf_span(&odd), out);
	buf_fini(&bytes);
	buf_fini(&odd);
}

/* -- collateral -- */

static void
mutate_member(struct buf *out, struct span name, struct span value, unsigned seed)
{
	if (span_is(name, "root_ca_crl") || span_is(name, "pck_crl"))
		mutate_hex(out, value);
	else if (name.n > 5 && span_is(span_from(name, name.n - 5), "chain"))
		mutate_chain(out, value, seed / 16);
	else
		mutate(out, value);
}

static void
mutate_collateral(struct buf *out, struct span json, unsigned seed)
{
	struct json_limits lim = {32, 100000};
	struct jw w = jw_of(out);
	struct json_doc doc;
	const struct json_node *top, *c;
	struct err e = {0};
	unsigned i = 0;

	if (!json_parse(&doc, json, lim, &e)) {
		mutate(out, json);
		return;
	}
	top = json_top(&doc);
	jw_object(&w, NULL);
	for (c = json_first(&doc, top); c; c = json_next(&doc, top, c)) {
		struct buf value, odd;
		char name[64];

		buf_init(&value, ROOM);
		buf_init(&odd, ROOM);
		if (span_cstr(c->key, name, sizeof name) && json_string(c, &value)) {
			if (i++ == seed % top->count)
				mutate_member(&odd, c->key, buf_span(&value), seed);
			else
				buf_add(&odd, buf_span(&value));
			jw_span(&w, name, buf_span(&odd));
		}
		buf_fini(&odd);
		buf_fini(&value);
	}
	jw_end_object(&w);
	json_free(&doc);
}

/* -- quote -- */

/* Write the quote anew with other authentication data and certification data, all lengths right, and
 * the QE report bound to the key. */
static void
rebuild(struct buf *out, const struct quote *q, struct span auth, struct span cert)
{
	size_t inner = 384 + 64 + 2 + auth.n + 2 + 4 + cert.n;
	uint8_t report[384];
	struct buf bound;

	buf_init(&bound, ROOM);
	buf_add(&bound, q->key);
	buf_add(&bound, auth);
	memcpy(report, q->qe_report.p, sizeof report);
	SHA256(bound.p, bound.n, report + 320);
	buf_fini(&bound);

	buf_add(out, q->signed_part);
	buf_add_le(out, 128 + (q->version == 3 ? 0 : 6) + inner, 4);
	buf_add(out, q->signature);
	buf_add(out, q->key);
	if (q->version != 3) {
		buf_add_le(out, 6, 2);
		buf_add_le(out, inner, 4);
	}
	buf_add(out, span_of(report, sizeof report));
	buf_add(out, q->qe_signature);
	buf_add_le(out, auth.n, 2);
	buf_add(out, auth);
	buf_add_le(out, q->cert_type, 2);
	buf_add_le(out, cert.n, 4);
	buf_add(out, cert);
}

/* Change bytes where they are: what is signed (header and body), or QE report and key. */
static void
flip(struct buf *b, size_t from, size_t to, unsigned seed)
{
	for (unsigned i = 0; i < 1 + seed % 4 && to > from;
	     i++, seed = seed * 1664525u + 1013904223u) {
		size_t at = from + (seed >> 8) % (to - from);

		if (at < b->n)
			b->p[at] = (uint8_t)(seed >> 24);
	}
}

static void
mutate_quote(struct buf *out, struct span bytes, unsigned seed)
{
	struct buf part, flipped;
	struct err e = {0};
	struct quote q;

	buf_init(&part, ROOM);
	buf_init(&flipped, ROOM);
	buf_add(&flipped, bytes);
	if (!quote_parse(&q, buf_span(&flipped), &e)) {
		mutate(out, bytes);
	} else if (seed % 4 == 0) {
		mutate_chain(&part, q.cert, seed / 16);
		rebuild(out, &q, q.qe_auth, buf_span(&part));
	} else if (seed % 4 == 1) {
		mutate(&part, span_first(q.qe_auth, 600));
		rebuild(out, &q, span_first(buf_span(&part), 900), q.cert);
	} else {
		size_t qe = (size_t)(q.qe_report.p - flipped.p);

		if (seed % 4 == 2)
			flip(&flipped, 0, q.signed_part.n, seed / 4);
		else
			flip(&flipped, qe, qe + 384, seed / 4);
		if (quote_parse(&q, buf_span(&flipped), &e))
			rebuild(out, &q, q.qe_auth, q.cert);
		else
			buf_add(out, buf_span(&flipped));
	}
	buf_fini(&part);
	buf_fini(&flipped);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
	struct buf quote, json, all;
	struct judge_input in;
	uint8_t head[11];

	if (!judge_input_read(&in, span_of(data, n)) || seed % 16 == 0)
		return LLVMFuzzerMutate(data, n, max);
	memcpy(head, in.head.p, sizeof head);
	buf_init(&quote, ROOM);
	buf_init(&json, ROOM);
	buf_init(&all, max);
	if (seed % 16 == 1)
		(void)LLVMFuzzerMutate(head, sizeof head, sizeof head);
	if (seed % 2)
		mutate_quote(&quote, in.quote, seed / 16);
	else
		buf_add(&quote, in.quote);
	if (seed % 2)
		buf_add(&json, in.json);
	else
		mutate_collateral(&json, in.json, seed / 16);
	buf_add(&all, span_of(head, sizeof head));
	buf_add(&all, in.root);
	buf_add_le(&all, quote.n, 4);
	buf_add(&all, buf_span(&quote));
	buf_add(&all, buf_span(&json));
	if (buf_ok(&all) && buf_ok(&quote) && buf_ok(&json)) {
		memcpy(data, all.p, all.n);
		n = all.n;
	}
	buf_fini(&quote);
	buf_fini(&json);
	buf_fini(&all);
	return n;
}
