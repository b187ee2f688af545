/* fault.h - how the simulated services misbehave: which answers a fault is for, what it does before
 * an answer is made and to the answer afterwards. Values only. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/buf.h"
#include "base/err.h"

/* The four items of collateral; what else the service knows is none. */
enum sim_item { SIM_ITEM_ROOT_CRL, SIM_ITEM_PCK_CRL, SIM_ITEM_TCB, SIM_ITEM_QE, SIM_ITEM_NONE };
#define SIM_ITEMS 4

enum sim_bend {
	SIM_STRAIGHT,
	SIM_CUT, /* half of the body, then the connection is cut */
	SIM_CHUNKED, /* without a length, in pieces */
	SIM_OVERSIZED, /* 2.5 MiB of spaces behind */
	SIM_HEX, /* CRLs as hex text */
	SIM_OLD_NAMES, /* header names of earlier versions */
	SIM_LOWER_NAMES, /* header names in lower case */
	SIM_OTHER_CA, /* the PCK CRL of the other CA */
	SIM_OLDER, /* as of yesterday */
	SIM_EXPIRED, /* as of 31 days ago */
	SIM_FUTURE, /* as of tomorrow */
	SIM_FORGED, /* signed by a key of the same name below another root */
	SIM_REDIRECT, /* to another host */
	SIM_REDIRECT_LOOP, /* to itself */
	SIM_GZIP_BOMB, /* 64 MiB of zeros, compressed */
	SIM_BENDS
};

/* A status in place of the answers (0: none) and a delay before them. Then what the provisioning
 * service does alone, and what GitHub does. sim_fault_clear makes one, and ends it. */
struct sim_fault {
	uint16_t status, delay_ms;
	int64_t retry_after; /* Retry-After; -1: none */

	enum sim_bend bend;
	bool some; /* only for the item */
	enum sim_item item;

	bool redirect; /* assets come by way of one */
	bool chunked; /* without Content-Length */
	bool cut; /* in the middle of the body */
	bool lower_case; /* field names of ours */
	int64_t remaining, reset_s; /* X-RateLimit-*, the reset from now on; -1: none */
	int64_t pad; /* white space behind every body */
	char location[512]; /* where assets are said to be; "": where they are */
	char encoding[16]; /* Content-Encoding; "": none */
	struct buf body; /* in place of an asset's; empty: its own */
};

void sim_fault_clear(struct sim_fault *f);

/* Which item a path of the service is about. */
enum sim_item sim_item_of(struct span path);
/* `tcb`; NULL for none. */
const char *sim_item_name(enum sim_item i);

/* Read a fault from a JSON object, in place of what was there; refusal: INVALID_FIELD. */
MUST_CHECK bool sim_fault_read(struct span json, struct sim_fault *out, struct err *e);

/* Say whether a fault is for that item. */
bool sim_fault_is_for(const struct sim_fault *f, enum sim_item i);

/* How far the time of an answer is off. */
int64_t sim_fault_offset(const struct sim_fault *f);

/* The name that a header goes by under a bend. */
const char *sim_fault_field_name(enum sim_bend bend, const char *name);

/* Append n bytes of zeros as gzip (RFC 1951, 1952) writes them: a thousandth of that. */
void sim_fault_gzip_zeros(size_t n, struct buf *out);

#endif
