/* backend_address.h - where the one program is that this agent serves: http://host:port, or a unix
 * socket. Owns its text. */
#ifndef AGENT_BACKEND_ADDRESS_H
#define AGENT_BACKEND_ADDRESS_H

#include "net/stream.h"

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

#endif
