/* backend.h - the one program that this agent serves, behind http://host:port or a unix socket.
 * Owns the requests that are in flight and their answers until they are sent. A request names a
 * path and nothing else: where it goes is fixed by the settings, so that no visitor can reach
 * another address of the VM's network. Bounded in number and in bytes. Rules of lifetime: loop.h. */
#ifndef AGENT_BACKEND_H
#define AGENT_BACKEND_H

#include "net/http_client.h"
#include "tunnel/v1.h"

/* Requests at once: far above what one tunnel's version 1 carries usefully, and few enough that a
 * flood is refused before it takes the backend's descriptors. */
#define BACKEND_REQUESTS_MAX 64
/* Bodies held at once, both ways together. */
#define BACKEND_BYTES_MAX (128u * 1024 * 1024)

/* Where the backend is. */
struct backend_address {
	char unix_path[108]; /* sockaddr_un's size; empty where host and port are meant */
	char host[256];
	uint16_t port;
	char authority[300]; /* what Host says where the request brings none */
	bool loopback;
};

/* Read http://host:port or unix:/path. BAD_SETTING on anything else, paths included. */
MUST_CHECK bool backend_address_parse(struct backend_address *a, const char *url, struct err *e);

/* What claims say of it: "loopback", "unix" or the host. */
const char *backend_address_claim(const struct backend_address *a);

/* How to dial it; borrows from a. */
struct stream_dial backend_address_dial(const struct backend_address *a, uint64_t timeout_ms);

struct backend_opts {
	const struct backend_address *address; /* must outlive the backend */
	const char *host; /* replaces Host; NULL keeps the visitor's */
	uint64_t timeout_ms; /* to the first byte of the answer, and between bytes */
	/* Queue one text message for the control plane. False: not now, backend_flush will come;
	 * with `now` it goes out whatever waits before it. */
	bool (*send)(void *ctx, struct span text, bool now);
	void *ctx;
};

struct backend;

MUST_CHECK struct backend *backend_new(
    struct net_loop *l, const struct backend_opts *o, struct err *e);

/* Serve a MSG_PROXY_REQUEST; the answer, or the error, goes to send, perhaps before this returns. */
void backend_request(struct backend *b, const struct msg *m);

/* Send answers that waited. */
void backend_flush(struct backend *b);

/* The tunnel is gone: give up every request; nothing of them is sent any more. */
void backend_drop(struct backend *b);

/* Drop, and free when the last exchange has ended. Takes NULL. */
void backend_close(struct backend *b);

size_t backend_in_flight(const struct backend *b);

#endif
