#include "programs/eectl_io.h"

#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/rfc3339.h"

const char **
eectl_value_of(const struct eectl_value *values, size_t n, const char *arg)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(arg, values[i].name) == 0)
			return values[i].value;
	return NULL;
}

bool
eectl_read_file(const char *path, size_t max, struct buf *out)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "rb");
	bool ok;

	if (!f) {
		fprintf(stderr, "eectl: %s: %s\n", path, strerror(errno));
		return false;
	}
	buf_init(out, max);
	while (!feof(f) && !ferror(f) && buf_ok(out) && out->n < max) {
		uint8_t piece[16384];
		size_t room = max - out->n < sizeof piece ? max - out->n : sizeof piece;

		buf_add(out, span_of(piece, fread(piece, 1, room, f)));
	}
	ok = !ferror(f) && buf_ok(out);
	if (!ok)
		fprintf(stderr, "eectl: %s: %s\n", path, ferror(f) ? strerror(errno) : "no memory");
	if (!standard)
		fclose(f);
	if (!ok)
		buf_fini(out);
	return ok;
}

/* Binary quotes begin with a version below 256 and key type, both with a zero byte; text has no
 * zero bytes. */
static bool
is_text(struct span s)
{
	return s.n > 0 && !memchr(s.p, 0, s.n);
}

bool
eectl_read_quote(const char *path, struct buf *out)
{
	struct buf raw, text, bytes;
	bool ok;

	if (!eectl_read_file(path, (size_t)4 * LIMIT_QUOTE, &raw))
		return false;
	if (!is_text(buf_span(&raw))) {
		*out = raw;
		return true;
	}
	buf_init(&text, (size_t)4 * LIMIT_QUOTE);
	for (size_t i = 0; i < raw.n; i++)
		if (!strchr(" \t\r\n", raw.p[i]))
			buf_add_u8(&text, raw.p[i]);
	buf_init(&bytes, (size_t)4 * LIMIT_QUOTE);
	ok = buf_ok(&text) && hex_decode_buf(buf_span(&text), &bytes);
	if (!ok) {
		buf_clear(&bytes);
		ok = buf_ok(&text) && base64_decode(buf_span(&text), &bytes);
	}
	buf_fini(&text);
	if (!ok) { /* whatever it is: the parser names what is wrong with it */
		buf_fini(&bytes);
		*out = raw;
		return true;
	}
	buf_fini(&raw);
	*out = bytes;
	return true;
}

bool
eectl_read_number(const char *text, int64_t max, int64_t *out)
{
	int64_t v = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || v > max / 10)
			return false;
		v = v * 10 + (*c - '0');
	}
	*out = v;
	return *text != '\0' && v <= max;
}

bool
eectl_read_time(const char *text, int64_t *out)
{
	return eectl_read_number(text, INT64_MAX / 100, out) || rfc3339_read(span_str(text), out);
}

bool
eectl_read_root(const char *path, uint8_t key[static EEDCAP_ROOT_KEY_SIZE])
{
	struct eedcap_error e;
	struct buf pem;
	bool ok;

	if (!eectl_read_file(path, LIMIT_CERT_DATA, &pem))
		return false;
	ok = eedcap_root_key(pem.p, pem.n, key, &e);
	buf_fini(&pem);
	if (!ok)
		fprintf(stderr, "eectl: %s: %s\n", path, e.detail);
	return ok;
}

void
eectl_write_registers(struct jw *w, const char *name, const struct eedcap_quote *q)
{
	const char *reg;
	const uint8_t *p;
	size_t n;

	jw_object(w, name);
	for (size_t i = 0; eedcap_quote_register_at(q, i, &reg, &p, &n); i++)
		jw_hex(w, reg, span_of(p, n));
	jw_end_object(w);
}

static void
write_flag(struct jw *w, const char *name, int8_t flag)
{
	if (flag < 0)
		jw_null(w, name);
	else
		jw_bool(w, name, flag != 0);
}

void
eectl_write_platform(struct jw *w, const struct eedcap_platform *p, bool show_ppid)
{
	jw_hex(w, "fmspc", span_of(p->fmspc, sizeof p->fmspc));
	jw_hex(w, "pceid", span_of(p->pceid, sizeof p->pceid));
	jw_int(w, "pcesvn", p->pcesvn);
	jw_hex(w, "sgx_tcb_components", span_of(p->components, sizeof p->components));
	jw_hex(w, "cpusvn", span_of(p->cpusvn, sizeof p->cpusvn));
	jw_str(w, "pck_ca", eectl_ca_name(p->ca));
	jw_str(w, "sgx_type", eectl_sgx_type_name(p->sgx_type));
	if (p->has_instance_id)
		jw_hex(w, "platform_instance_id", span_of(p->instance_id, sizeof p->instance_id));
	else
		jw_null(w, "platform_instance_id");
	write_flag(w, "dynamic_platform", p->dynamic_platform);
	write_flag(w, "cached_keys", p->cached_keys);
	write_flag(w, "smt_enabled", p->smt_enabled);
	if (show_ppid) /* names one machine */
		jw_hex(w, "ppid", span_of(p->ppid, sizeof p->ppid));
}

bool
eectl_print_buf(const struct buf *b)
{
	if (!buf_ok(b)) {
		fprintf(stderr, "eectl: no memory\n");
		return false;
	}
	if (fwrite(b->p, 1, b->n, stdout) != b->n || putchar('\n') == EOF || fflush(stdout) != 0) {
		fprintf(stderr, "eectl: stdout: %s\n", strerror(errno));
		return false;
	}
	return true;
}

const char *
eectl_tee_name(enum eedcap_tee tee)
{
	return tee == EEDCAP_TDX ? "tdx" : "sgx";
}

const char *
eectl_ca_name(enum eedcap_ca ca)
{
	return ca == EEDCAP_CA_PLATFORM ? "platform" : "processor";
}

const char *
eectl_sgx_type_name(uint8_t type)
{
	static const char *const names[] = {"standard", "scalable", "scalable with integrity"};

	return type < 3 ? names[type] : "unknown";
}
