/* eectl_collateral.h - what the parts of `eectl collateral` share: options, exit codes, complaints,
 * the verifier's context. */
#ifndef PROGRAMS_EECTL_COLLATERAL_H
#define PROGRAMS_EECTL_COLLATERAL_H

#include "collateral/disk.h"

enum {
	COLLATERAL_DONE = 0,
	COLLATERAL_CALL = 1, /* wrong call, or no memory */
	COLLATERAL_MALFORMED = 2,
	COLLATERAL_UNTRUSTED = 3,
	COLLATERAL_OUTDATED = 4, /* out of its time, or behind the marks */
	COLLATERAL_UNAVAILABLE = 5, /* the service */
	COLLATERAL_FILE = 6 /* a file or folder */
};

struct collateral_args {
	const char *url, *service_ca, *root_ca, *out, *quote, *fmspc, *ca, *tee, *timeout;
	bool early, json;
	const char *rest[64]; /* what is no option */
	size_t n;
	uint8_t root_key[EEDCAP_ROOT_KEY_SIZE];
	struct eedcap_context *dcap;
	int64_t now_s;
};

/* Complain and return the code. */
int collateral_complain(int code, const char *what, const char *value);

/* The exit code for what a refusal says. */
int collateral_code(const struct err *e);

/* `eectl collateral fetch`. */
int collateral_fetch(struct collateral_args *a);

#endif
