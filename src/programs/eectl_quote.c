/* eectl quote: show what stands in a quote. Nothing is verified. */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

static const char usage[] =
    "Usage: eectl quote [-o json] FILE\n"
    "\n"
    "Show every field of a quote without verifying anything. FILE is the quote in\n"
    "binary, hex or base64; - reads standard input.\n"
    "\n"
    "  -o json    print one JSON object, byte strings in hex\n"
    "\n"
    "Exit status: 0 shown, 1 wrong call, 2 malformed quote.\n";

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
	jw_hex(w, "fmspc", span_of(p.fmspc, sizeof p.fmspc));
	jw_hex(w, "pceid", span_of(p.pceid, sizeof p.pceid));
	jw_int(w, "pcesvn", p.pcesvn);
	jw_hex(w, "sgx_tcb_components", span_of(p.components, sizeof p.components));
	jw_hex(w, "cpusvn", span_of(p.cpusvn, sizeof p.cpusvn));
	jw_str(w, "ca", p.ca == EEDCAP_CA_PLATFORM ? "platform" : "processor");
	jw_int(w, "sgx_type", p.sgx_type);
	jw_end_object(w);
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
	jw_bool(&w, "verified", false);
	jw_end_object(&w);
	ok = eectl_print_buf(&out);
	buf_fini(&out);
	return ok;
}

static void
print_text(const struct eedcap_quote *q)
{
	struct eedcap_platform p;
	struct eedcap_error e;
	char hex[2 * 32 + 1];

	printf("Quote version %u, %s, body type %u. Nothing of it has been verified.\n",
	    eedcap_quote_version(q), eectl_tee_name(eedcap_quote_tee(q)),
	    eedcap_quote_body_type(q));
	printf(
	    "  %-16s %s\n", "signed digest", hex_encode(span_of(eedcap_quote_digest(q), 32), hex));
	if (eedcap_quote_platform(q, &p, &e))
		printf("  %-16s %s, %s CA\n", "fmspc",
		    hex_encode(span_of(p.fmspc, sizeof p.fmspc), hex),
		    p.ca == EEDCAP_CA_PLATFORM ? "Platform" : "Processor");
	else
		printf("  %-16s none readable: %s\n", "PCK certificate", e.detail);
	if (eedcap_quote_trailing(q) > 0)
		printf("  %-16s %zu (unsigned)\n", "trailing bytes", eedcap_quote_trailing(q));
	printf("Registers:\n");
	eectl_print_registers(q);
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
			fputs(usage, stdout);
			return 0;
		}
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc
		    && strcmp(argv[i + 1], "json") == 0) {
			json = true;
			i++;
		} else if ((argv[i][0] != '-' || argv[i][1] == '\0') && !path) {
			path = argv[i];
		} else {
			fputs(usage, stderr);
			return EECTL_USAGE;
		}
	}
	if (!path) {
		fputs(usage, stderr);
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
