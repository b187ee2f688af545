/* readiness.h - what a row of probes says of the backend: pass, fail, or nothing yet. Holds the
 * thresholds and the grace of a start, with the meaning that Kubernetes' readinessProbe and
 * startupProbe gave them. Pure: time is an argument. */
#ifndef AGENT_READINESS_H
#define AGENT_READINESS_H

#include <stdbool.h>
#include <stdint.h>

/* A backend that is not well (it may just be starting) is looked at this often. */
#define READINESS_AGAIN_MS 1000u

enum readiness_state {
	READINESS_UNKNOWN, /* nothing may be said yet */
	READINESS_PASS,
	READINESS_FAIL
};

struct readiness_rules {
	unsigned failures; /* in a row, before it is a fail; at least 1 */
	unsigned successes; /* in a row, before it is a pass again after a failure; at least 1 */
	uint64_t grace_ms; /* from the start on: failures say nothing before the first success */
	uint64_t interval_ms; /* between probes of a backend that is well */
};

struct readiness {
	struct readiness_rules rules;
	enum readiness_state state;
	uint64_t start_ms;
	unsigned run; /* results in a row that were alike */
	bool pass; /* the last result */
	bool passed; /* there was a success: the start is over */
	bool failed; /* there was a failure since the last pass */
};

void readiness_init(struct readiness *r, const struct readiness_rules *rules, uint64_t now_ms);

/* Note a probe's result; give the state that it leads to. */
enum readiness_state readiness_note(struct readiness *r, bool pass, uint64_t now_ms);

/* How long to wait before the next probe. */
uint64_t readiness_wait_ms(const struct readiness *r);

#endif
