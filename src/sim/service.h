/* service.h - what the simulator answers: Intel's provisioning service (pcs.c), GitHub's releases
 * (github.c), and its own controls below /sim/ (control.c). A request comes in as bytes, an answer
 * goes out as bytes: no sockets, no files, no clock. Owns the simulated world. */
#ifndef SIM_SERVICE_H
#define SIM_SERVICE_H

#include "sim/fault.h"
#include "sim/github.h"
#include "sim/platform.h"

/* A body that is put: an allowlist above our own ceiling must fit, too, to be refused later. */
#define SIM_BODY_MAX (4u * 1024 * 1024)

enum sim_group { SIM_PCS, SIM_GITHUB, SIM_CONTROL, SIM_GROUP_COUNT };

struct sim {
	struct sim_platform platform;
	struct sim_github github;
	struct sim_fault fault[SIM_GROUP_COUNT];
	int64_t offset_s; /* added to the time: documents of yesterday, or of next year */
	uint64_t requests[SIM_GROUP_COUNT];
	uint64_t asked[SIM_ITEMS]; /* of them, for each item of collateral */
	char base_url[200];
};

struct sim_request {
	struct span method, path, query, accept, if_none_match, body;
};

#define SIM_FIELDS_MAX 10
struct sim_answer {
	int status;
	const char *content_type;
	const char *field_name[SIM_FIELDS_MAX];
	struct buf field_value[SIM_FIELDS_MAX];
	size_t n_fields;
	struct buf body;
	uint32_t delay_ms;
	bool cut, chunked; /* how the body goes out: half of it, or without a length */
	/* The request changed what should outlive a restart: keep it, or drop what was kept. */
	bool keep, drop;
};

/* Make the world of a seed; `base_url` is where it is reached, without a slash at the end. The
 * caller calls sim_fini, also after a failure. */
MUST_CHECK bool sim_init(struct sim *s, const uint8_t seed[static SIM_SEED_SIZE],
    const char *base_url, int64_t now_s, struct err *e);
void sim_fini(struct sim *s);

/* Answer a request. Every answer is one: a failure is told in the shape of the service asked. The
 * caller calls sim_answer_fini. */
void sim_serve(struct sim *s, const struct sim_request *rq, int64_t now_s, struct sim_answer *a);
void sim_answer_fini(struct sim_answer *a);

/* -- for the parts of the service -- */

#define SIM_ARGS_MAX 5

/* One request on its way through its handler. */
struct sim_call {
	struct sim *sim;
	const struct sim_request *rq;
	struct sim_answer *a;
	struct span arg[SIM_ARGS_MAX]; /* the segments that stood where the route has a '*' */
	int64_t now_s;
	enum sim_bend bend; /* that the handler sees to */
};

struct sim_route {
	const char *method, *path; /* segments; '*' is any one */
	bool (*handle)(struct sim_call *c, struct err *e);
};

/* The routes of each part, up to a row without a method. */
extern const struct sim_route sim_pcs_routes[];
extern const struct sim_route sim_github_routes[];
extern const struct sim_route sim_control_routes[];

/* Add a field to the answer and lend the buffer of its value. */
struct buf *sim_answer_field(struct sim_answer *a, const char *name);

/* Find a parameter of the query and decode its value to out; false when it is not there. */
MUST_CHECK bool sim_query(const struct sim_call *c, const char *name, char *out, size_t size);

#endif
