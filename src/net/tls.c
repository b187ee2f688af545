#include "net/tls.h"

#include <openssl/buffer.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/tls_session.h"

/* Memory that a drained BIO may keep. */
#define BIO_KEEP 1024u

struct tls_ctx {
	SSL_CTX *ssl;
};

/* Record OpenSSL's last word, and empty its queue. */
static bool
tls_err(struct err *e, enum reason r, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	char text[120] = "no detail";

	if (code)
		ERR_error_string_n(code, text, sizeof text);
	ERR_clear_error();
	return err_set(e, ERR_IO, r, "%s: %s", what, text);
}

static struct tls_ctx *
ctx_new(const SSL_METHOD *method, struct err *e)
{
	struct tls_ctx *c = calloc(1, sizeof *c);

	ERR_clear_error();
	if (!c || !(c->ssl = SSL_CTX_new(method))) {
		tls_err(e, REASON_NO_MEMORY, "SSL_CTX_new");
		free(c);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
	/* A tunnel lives for days: no renegotiation, no resumption, no memory kept while idle. */
	SSL_CTX_set_options(
	    c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_num_tickets(c->ssl, 0);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
	return c;
}

struct tls_ctx *
tls_ctx_client(const char *ca_file, struct err *e)
{
	struct tls_ctx *c = ctx_new(TLS_client_method(), e);
	int ok;

	if (!c)
		return NULL;
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	if (ca_file)
		ok = SSL_CTX_load_verify_file(c->ssl, ca_file);
	else
		ok = SSL_CTX_set_default_verify_paths(c->ssl);
	if (ok != 1) {
		tls_err(e, REASON_BAD_SETTING, ca_file ? ca_file : "system CA store");
		tls_ctx_free(c);
		return NULL;
	}
	return c;
}

/* Nobody is there to type one: OpenSSL would ask at the terminal, and everything would wait. */
static int
no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	return -1;
}

struct tls_ctx *
tls_ctx_server(const char *cert_file, const char *key_file, struct err *e)
{
	struct tls_ctx *c = ctx_new(TLS_server_method(), e);
	const char *what = cert_file;

	if (!c)
		return NULL;
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_3_VERSION);
	SSL_CTX_set_default_passwd_cb(c->ssl, no_passphrase);
	SSL_CTX_set_max_early_data(c->ssl, 0);
	SSL_CTX_set_recv_max_early_data(c->ssl, 0);
	if (SSL_CTX_use_certificate_chain_file(c->ssl, cert_file) == 1) {
		what = key_file;
		if (SSL_CTX_use_PrivateKey_file(c->ssl, key_file, SSL_FILETYPE_PEM) == 1
		    && SSL_CTX_check_private_key(c->ssl) == 1)
			return c;
	}
	tls_err(e, REASON_BAD_SETTING, what);
	tls_ctx_free(c);
	return NULL;
}

static int64_t
end_of(const X509 *cert)
{
	static const int64_t day = 86400;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(cert)) == 1;

	ASN1_TIME_free(epoch);
	return ok ? days * day + seconds : INT64_MAX;
}

int64_t
tls_ctx_expiry(const struct tls_ctx *c)
{
	X509 *leaf = SSL_CTX_get0_certificate(c->ssl);
	STACK_OF(X509) *more = NULL;
	int64_t first = leaf ? end_of(leaf) : 0;

	if (!leaf || SSL_CTX_get0_chain_certs(c->ssl, &more) != 1)
		return first;
	for (int i = 0; i < sk_X509_num(more); i++)
		if (end_of(sk_X509_value(more, i)) < first)
			first = end_of(sk_X509_value(more, i));
	return first == INT64_MAX ? 0 : first;
}

/* A session holds the SSL_CTX that it began with. */
bool
tls_ctx_reload(struct tls_ctx *c, const char *cert_file, const char *key_file, struct err *e)
{
	struct tls_ctx *fresh = tls_ctx_server(cert_file, key_file, e);
	SSL_CTX *old = c->ssl;

	if (!fresh)
		return false;
	c->ssl = fresh->ssl;
	fresh->ssl = old;
	tls_ctx_free(fresh);
	return true;
}

void
tls_ctx_free(struct tls_ctx *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

struct tls_session {
	SSL *ssl; /* owns both BIOs */
	BIO *in, *out;
	struct buf queue;
};

/* Verify the peer against a name or an IP address. */
static bool
set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);

	if (ip) {
		ASN1_OCTET_STRING_free(ip);
		return X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1;
	}
	ERR_clear_error();
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls_session *
tls_session_new(struct tls_ctx *c, const char *host, struct err *e)
{
	struct tls_session *t = calloc(1, sizeof *t);
	bool ok = false;

	ERR_clear_error();
	if (t)
		buf_init(&t->queue, SIZE_MAX / 2);
	if (!t || !(t->ssl = SSL_new(c->ssl)))
		goto out;
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (!t->in || !t->out) {
		BIO_free(t->in);
		BIO_free(t->out);
		goto out;
	}
	BIO_set_mem_eof_return(t->in, -1);
	BIO_set_mem_eof_return(t->out, -1);
	SSL_set_bio(t->ssl, t->in, t->out);
	if (host)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	ok = !host || set_host(t->ssl, host);
out:
	if (ok)
		return t;
	tls_err(e, REASON_NO_MEMORY, "TLS session");
	tls_session_free(t);
	return NULL;
}

void
tls_session_free(struct tls_session *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	buf_fini(&t->queue);
	free(t);
}

bool
tls_session_feed(struct tls_session *t, struct span in, struct err *e)
{
	if (in.n > 0 && BIO_write(t->in, in.p, (int)in.n) != (int)in.n)
		return tls_err(e, REASON_NO_MEMORY, "BIO_write");
	return true;
}

/* Turn the result of an SSL call into a step. */
static enum tls_step
step_of(struct tls_session *t, int rc, const char *what, struct err *e)
{
	long verify;

	if (rc > 0)
		return TLS_DONE;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default:
		break;
	}
	verify = SSL_get_verify_result(t->ssl);
	if (verify != X509_V_OK) {
		ERR_clear_error();
		err_set(e, ERR_UNTRUSTED, REASON_TLS_FAILED, "certificate: %s",
		    X509_verify_cert_error_string(verify));
	} else {
		tls_err(e, REASON_TLS_FAILED, what);
	}
	return TLS_BAD;
}

enum tls_step
tls_session_handshake(struct tls_session *t, struct err *e)
{
	enum tls_step step;

	ERR_clear_error();
	step = step_of(t, SSL_do_handshake(t->ssl), "handshake", e);
	if (step == TLS_END) {
		err_set(e, ERR_IO, REASON_TLS_FAILED, "handshake: the peer closed");
		return TLS_BAD;
	}
	return step;
}

/* Give back what a burst has made a drained BIO hold. */
static void
bio_shrink(BIO *b)
{
	BUF_MEM *m = NULL, *small;

	if (BIO_ctrl_pending(b) > 0 || BIO_get_mem_ptr(b, &m) != 1 || m->max <= BIO_KEEP)
		return;
	small = BUF_MEM_new();
	if (small)
		BIO_set_mem_buf(b, small, BIO_CLOSE);
}

enum tls_step
tls_session_read(struct tls_session *t, uint8_t *dst, size_t n, size_t *used, struct err *e)
{
	enum tls_step step;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(t->ssl, dst, n, used);
	step = step_of(t, rc, "read", e);
	if (step == TLS_MORE)
		bio_shrink(t->in);
	return step;
}

bool
tls_session_write(struct tls_session *t, struct span s, struct err *e)
{
	size_t done = 0;

	ERR_clear_error();
	if (s.n == 0)
		return true;
	/* The memory BIO takes everything: anything but success is an error. */
	if (SSL_write_ex(t->ssl, s.p, s.n, &done) != 1 || done != s.n)
		return tls_err(e, REASON_TLS_FAILED, "write");
	return true;
}

void
tls_session_end(struct tls_session *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

bool
tls_session_output(struct tls_session *t, struct err *e)
{
	size_t n = BIO_ctrl_pending(t->out), got = 0;
	uint8_t *p;

	if (n == 0)
		return true;
	p = buf_grow(&t->queue, n);
	if (!p || BIO_read_ex(t->out, p, n, &got) != 1 || got != n)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "TLS output");
	buf_grow_commit(&t->queue, n);
	bio_shrink(t->out);
	return true;
}

struct buf *
tls_session_queue(struct tls_session *t)
{
	return &t->queue;
}

bool
tls_session_exporter(struct tls_session *t, uint8_t out[static TLS_EXPORTER_SIZE])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (!SSL_is_init_finished(t->ssl))
		return false;
	/* RFC 9266 section 4: under TLS 1.2 only with the extended master secret. */
	if (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
		return false;
	/* No context; for 1.3 that equals the empty one (RFC 8446 section 7.5). */
	return SSL_export_keying_material(
		   t->ssl, out, TLS_EXPORTER_SIZE, label, sizeof label - 1, NULL, 0, 0)
	       == 1;
}
