/* message.h - the tunnel's text messages, of both versions: one JSON object each, parsed into one
 * struct a type and written from it. A parsed message owns its JSON doc and, for a proxied body
 * or head, nothing else: spans and nodes point into the text, which must outlive it. Grammar is
 * judged here; whether a message may come now is the session's business. */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "base/err.h"
#include "base/jcs.h"
#include "base/json.h"
#include "wire/headers.h"

#define MSG_APP_NAME_MAX   64 /* a DNS label and a NUL */
#define MSG_REPO_MAX       141 /* owner 39, slash, name 100, NUL */
#define MSG_TAG_MAX        256
#define MSG_NETWORK_MAX    64
#define MSG_AGENT_ID_MAX   129
#define MSG_NONCE_MAX      129 /* ours has 64 digits; another's is only compared */
#define MSG_REQUEST_ID_MAX 65
#define MSG_METHOD_MAX     33

enum msg_from { MSG_FROM_AGENT, MSG_FROM_CONTROL };

enum msg_type {
	/* agent to control plane */
	MSG_REGISTER,
	MSG_ATTEST_RESPONSE,
	MSG_HEALTH,
	MSG_PROXY_RESPONSE,
	MSG_EVIDENCE_RESPONSE,
	/* control plane to agent */
	MSG_ATTEST_REQUEST,
	MSG_PROXY_REQUEST,
	MSG_EVIDENCE_REQUEST,
	MSG_STATUS,
	/* both ways: the tunnel's HTTP/2 session has ended; no members */
	MSG_H2_END
};

struct msg_register {
	char repo[MSG_REPO_MAX];
	char release_tag[MSG_TAG_MAX];
	char app_name[MSG_APP_NAME_MAX];
	char network[MSG_NETWORK_MAX];
	char agent_id[MSG_AGENT_ID_MAX];
	unsigned tunnel_version; /* 1 or 2 */
};

/* What proves something, in both messages that carry a quote. */
struct msg_proof {
	struct span quote; /* base64, as written */
	struct span report_data; /* hex, as written */
	const struct json_node *measurements; /* an object, repeated names possible */
};

struct msg_attest_response {
	char nonce[MSG_NONCE_MAX];
	struct msg_proof proof;
};

struct msg_evidence_response {
	char request_id[MSG_REQUEST_ID_MAX];
	struct msg_proof proof;
	char error[64]; /* set in place of the proof; empty else */
};

struct msg_evidence_request {
	char request_id[MSG_REQUEST_ID_MAX];
	char nonce[MSG_NONCE_MAX];
	int64_t deadline_s;
};

struct msg_health {
	bool pass;
};

struct msg_attest_request {
	char nonce[MSG_NONCE_MAX];
	int64_t deadline_s;
	char reason[32];
	bool channel; /* "tls-exporter" */
};

struct msg_proxy_request {
	char request_id[MSG_REQUEST_ID_MAX];
	char method[MSG_METHOD_MAX];
	const struct json_node *path, *headers, *body; /* headers, body: NULL where absent */
};

struct msg_proxy_response {
	char request_id[MSG_REQUEST_ID_MAX];
	int64_t status; /* any integer: whether it is a status, the exchange judges */
	const struct json_node *headers, *body; /* NULL where absent */
	char error[64]; /* set in place of the three above; empty else */
};

struct msg_status {
	char state[16]; /* ok, warning, invalid */
	char reason[128];
	char cause[64]; /* these may be empty */
	char detail[256];
	char expires_at[32];
	unsigned tunnel_version; /* 0 where absent */
	int64_t retry_after_s; /* 0 where absent */
};

struct msg {
	enum msg_type type;
	struct json_doc doc;
	union {
		struct msg_register reg;
		struct msg_attest_response attest_response;
		struct msg_health health;
		struct msg_proxy_response proxy_response;
		struct msg_attest_request attest_request;
		struct msg_proxy_request proxy_request;
		struct msg_evidence_request evidence_request;
		struct msg_evidence_response evidence_response;
		struct msg_status status;
	} u;
};

/* Parse one message of the given sender. Refusals: INVALID_JSON (no JSON object, a member of
 * another type or given twice), UNKNOWN_MESSAGE, MISSING_FIELDS, INVALID_FIELD, INVALID_NETWORK
 * (not even the shape of one), MISSING_QUOTE. On success the caller calls msg_fini. */
MUST_CHECK bool msg_parse(struct msg *m, struct span text, enum msg_from from, struct err *e);
void msg_fini(struct msg *m);

/* Append one message. Empty optional strings are left out. */
void msg_write_register(struct buf *out, const struct msg_register *m);
void msg_write_attest_request(struct buf *out, const struct msg_attest_request *m);
void msg_write_attest_response(struct buf *out, const char *nonce, struct span quote,
    struct span report_data, struct span measurements_json);
void msg_write_health(struct buf *out, bool pass);
void msg_write_status(struct buf *out, const struct msg_status *m);
void msg_write_proxy_request(struct buf *out, const char *request_id, struct span method,
    struct span path, const struct fields *headers, struct span body);
void msg_write_proxy_response(struct buf *out, const char *request_id, int status,
    const struct fields *headers, struct span body);
void msg_write_proxy_error(struct buf *out, const char *request_id, const char *error);
void msg_write_evidence_request(struct buf *out, const struct msg_evidence_request *m);
void msg_write_evidence_response(struct buf *out, const char *request_id, struct span quote,
    struct span report_data, struct span measurements_json);
void msg_write_evidence_error(struct buf *out, const char *request_id, const char *error);
void msg_write_h2_end(struct buf *out);

/* Fill a status message from an error: wire reason, cause and the sentence for the peer. */
void msg_status_of(struct msg_status *m, const char *state, const struct err *e);

/* Read a "headers" member (object of name to string or array of strings) into a list. False where
 * it is of another shape or a field is not valid; NULL reads as none. */
MUST_CHECK bool msg_headers(
    const struct json_doc *doc, const struct json_node *headers, struct fields *out);

/* Decode a "body_b64" member into out; NULL reads as none. False where it is not base64, or too
 * big for out. */
MUST_CHECK bool msg_body(const struct json_node *body, struct buf *out);

/* The grammars. */
bool msg_app_name_ok(struct span s); /* DNS label, lower case */
bool msg_repo_ok(struct span s); /* owner/name as GitHub has them; no dot-only name */
bool msg_tag_ok(struct span s); /* a ref name (git-check-ref-format), at most 255 bytes */
bool msg_agent_id_ok(struct span s); /* 1..128 of [A-Za-z0-9._:-] */
bool msg_network_ok(struct span s); /* as an app_name */

#endif
