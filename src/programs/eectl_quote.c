/* eectl quote: show what stands in a quote. Nothing is verified. */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/rfc3339.h"
#include "dcap/pck.h"
#include "dcap/quote.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

const char usage_quote[] =
    "Usage: eectl quote [-o json] FILE\n"
    "\n"
    "Show every field of a quote without verifying anything. FILE is the quote in\n"
    "binary, hex or base64; - reads standard input.\n"
    "\n"
    "The PPID and the serial numbers, which are shown too, name one machine.\n"
    "\n"
    "  -o json    print one JSON object, byte strings in hex\n"
    "\n"
    "Exit status: 0 shown, 1 wrong call, 2 malformed quote.\n";

/* What the certification data of each type holds. */
static const char *
cert_type_name(unsigned type)
{
	static const char *const names[] = {[1] = "PPID in clear",
	    [2] = "PPID, encrypted (RSA-2048)",
	    [3] = "PPID, encrypted (RSA-3072)",
	    [4] = "PCK certificate",
	    [5] = "PCK certificate chain"};

	return type < sizeof names / sizeof names[0] && names[type] ? names[type] : "unknown";
}

/* The certificates inside the quote, read and not verified. On success the caller calls chain_fini. */
static bool
read_chain(const struct eedcap_quote *q, struct chain *ch)
{
	const char *name;
	const uint8_t *p;
	struct span text = span_of(NULL, 0);
	struct err e = {0};
	size_t n;

	for (size_t i = 0; eedcap_quote_field_at(q, i, &name, &p, &n); i++)
		if (strcmp(name, "certification_data") == 0)
			text = span_of(p, n);
	return eedcap_quote_cert_type(q) >= CERT_LEAF && pck_parse(ch, text, &e);
}

/* -- JSON -- */

static void
write_platform(struct jw *w, const struct eedcap_quote *q)
{
	struct eedcap_platform p;
	struct eedcap_error e;

	if (!eedcap_quote_platform(q, &p, &e)) {
		jw_null(w, "platform");
		jw_str(w, "platform_error", e.reason);
		return;
	}
	jw_object(w, "platform");
	eectl_write_platform(w, &p, true);
	jw_str(w, "root_crl_url", p.root_crl_url);
	jw_end_object(w);
}

static void
write_certificates(struct jw *w, const struct eedcap_quote *q)
{
	char text[RFC3339_SIZE];
	struct chain ch;

	jw_array(w, "certificates");
	if (read_chain(q, &ch)) {
		for (size_t i = 0; i < ch.n; i++) {
			const struct cert *c = &ch.cert[i];

			jw_object(w, NULL);
			jw_str(w, "subject", c->subject_cn);
			jw_str(w, "issuer", c->issuer_cn);
			jw_hex(w, "serial", c->serial);
			jw_str(w, "not_before", rfc3339_write(c->valid.start, text));
			jw_str(w, "not_after", rfc3339_write(c->valid.end, text));
			jw_hex(w, "public_key", span_of(c->key, EC_POINT_SIZE));
			jw_end_object(w);
		}
		chain_fini(&ch);
	}
	jw_end_array(w);
}

static bool
print_json(const struct eedcap_quote *q)
{
	const uint8_t *p;
	const char *name;
	struct buf out;
	struct jw w;
	size_t n;
	bool ok;

	buf_init(&out, 1 << 20);
	w = jw_of(&out);
	jw_object(&w, NULL);
	jw_int(&w, "quote_version", eedcap_quote_version(q));
	jw_str(&w, "tee", eectl_tee_name(eedcap_quote_tee(q)));
	jw_int(&w, "body_type", eedcap_quote_body_type(q));
	jw_hex(&w, "digest", span_of(eedcap_quote_digest(q), 32));
	jw_int(&w, "trailing_bytes", (int64_t)eedcap_quote_trailing(q));
	jw_int(&w, "certification_data_type", eedcap_quote_cert_type(q));
	eectl_write_registers(&w, "registers", q);
	jw_hex(&w, "report_data", span_of(eedcap_quote_report_data(q), 64));
	for (size_t i = 0; eedcap_quote_field_at(q, i, &name, &p, &n); i++)
		jw_hex(&w, name, span_of(p, n));
	write_platform(&w, q);
	write_certificates(&w, q);
	jw_bool(&w, "verified", false);
	jw_end_object(&w);
	ok = eectl_print_buf(&out);
	buf_fini(&out);
	return ok;
}

/* -- text -- */

static void
print_field(const char *name, struct span s)
{
	char hex[2 * 64 + 1];

	if (s.n <= 64)
		printf("  %-21s %s\n", name, hex_encode(s, hex));
	else
		printf("  %-21s %zu bytes\n", name, s.n);
}

static void
print_platform(const struct eedcap_quote *q)
{
	struct eedcap_platform p;
	struct eedcap_error e;

	if (!eedcap_quote_platform(q, &p, &e)) {
		printf("PCK certificate: none readable: %s\n", e.detail);
		return;
	}
	printf("Platform, by its PCK certificate (of the %s CA):\n", eectl_ca_name(p.ca));
	print_field("fmspc", span_of(p.fmspc, sizeof p.fmspc));
	print_field("pceid", span_of(p.pceid, sizeof p.pceid));
	printf("  %-21s %u\n", "pcesvn", p.pcesvn);
	print_field("sgx_tcb_components", span_of(p.components, sizeof p.components));
	print_field("cpusvn", span_of(p.cpusvn, sizeof p.cpusvn));
	print_field("ppid", span_of(p.ppid, sizeof p.ppid));
	printf("  %-21s %s\n", "sgx_type", eectl_sgx_type_name(p.sgx_type));
	if (p.has_instance_id)
		print_field("platform_instance_id", span_of(p.instance_id, sizeof p.instance_id));
}

static void
print_certificates(const struct eedcap_quote *q)
{
	char from[RFC3339_SIZE], to[RFC3339_SIZE], serial[2 * SERIAL_MAX + 1];
	struct chain ch;

	printf("Certification data: type %u, %s\n", eedcap_quote_cert_type(q),
	    cert_type_name(eedcap_quote_cert_type(q)));
	if (!read_chain(q, &ch))
		return;
	for (size_t i = 0; i < ch.n; i++) {
		const struct cert *c = &ch.cert[i];

		printf("  %s\n    issued by %s, serial %s\n    valid %s to %s\n", c->subject_cn,
		    c->issuer_cn, hex_encode(c->serial, serial),
		    rfc3339_write(c->valid.start, from), rfc3339_write(c->valid.end, to));
	}
	chain_fini(&ch);
}

static void
print_text(const struct eedcap_quote *q)
{
	const char *name;
	const uint8_t *p;
	size_t n;

	printf("Quote version %u, %s, body type %u. Nothing of it has been verified.\n",
	    eedcap_quote_version(q), eectl_tee_name(eedcap_quote_tee(q)),
	    eedcap_quote_body_type(q));
	print_field("signed digest", span_of(eedcap_quote_digest(q), 32));
	if (eedcap_quote_trailing(q) > 0)
		printf("  %-21s %zu (unsigned)\n", "trailing bytes", eedcap_quote_trailing(q));
	printf("Registers:\n");
	for (size_t i = 0; eedcap_quote_register_at(q, i, &name, &p, &n); i++)
		print_field(name, span_of(p, n));
	print_field("report_data", span_of(eedcap_quote_report_data(q), 64));
	printf("Header, quoting enclave, signatures:\n");
	for (size_t i = 0; eedcap_quote_field_at(q, i, &name, &p, &n); i++)
		print_field(name, span_of(p, n));
	print_platform(q);
	print_certificates(q);
}

int
cmd_quote(int argc, char **argv)
{
	const char *path = NULL;
	bool json = false;
	struct eedcap_quote *q;
	struct eedcap_error e;
	struct buf bytes;
	int code = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage_quote, stdout);
			return 0;
		}
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc
		    && strcmp(argv[i + 1], "json") == 0) {
			json = true;
			i++;
		} else if ((argv[i][0] != '-' || argv[i][1] == '\0') && !path) {
			path = argv[i];
		} else {
			fputs(usage_quote, stderr);
			return EECTL_USAGE;
		}
	}
	if (!path) {
		fputs(usage_quote, stderr);
		return EECTL_USAGE;
	}
	if (!eectl_read_quote(path, &bytes))
		return EECTL_USAGE;
	q = eedcap_quote_inspect(bytes.p, bytes.n, &e);
	buf_fini(&bytes);
	if (!q) {
		fprintf(stderr, "eectl: %s: %s: %s\n", path, e.reason, e.detail);
		return e.kind == EEDCAP_NO_MEMORY ? EECTL_USAGE : (int)e.kind;
	}
	if (json)
		code = print_json(q) ? 0 : EECTL_USAGE;
	else
		print_text(q);
	eedcap_quote_free(q);
	return code;
}
