/* lease.h - how long an attested tunnel may carry bytes. A value on the monotonic clock; never on
 * disk. On which quote and allowlist it rests, the audit trail says. */
#ifndef CORE_LEASE_H
#define CORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct lease {
	uint64_t until_ms; /* 0: none */
};

/* Grant from `now_ms` for interval + deadline + verify timeout: a challenge that is missed ends as
 * attestation_timeout, and only a verification that does not finish as lease_expired. */
void lease_grant(
    struct lease *l, uint64_t now_ms, uint32_t interval_s, uint32_t deadline_s, uint32_t verify_s);

/* Let it end within `left_s` seconds; below 0: at once. */
void lease_cap(struct lease *l, uint64_t now_ms, int64_t left_s);

/* Say whether it holds at that moment. */
bool lease_holds(const struct lease *l, uint64_t now_ms);

/* End it at once. */
void lease_end(struct lease *l);

#endif
