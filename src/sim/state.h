/* state.h - what the simulator keeps in its folder: the seed of its keys, its root certificate for
 * others to read, and the requests that made machines and releases, which are put again at the
 * next start. Small files, whole; the only module here that touches the disk. */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "os/env.h"
#include "sim/service.h"

/* Make the folder if there is none, and read its seed, or make one (readable by its owner alone). */
MUST_CHECK bool sim_state_open(
    const char *dir, const struct env *env, uint8_t seed[static SIM_SEED_SIZE], struct err *e);

/* Write root_ca.pem, which EE_DCAP_ROOT_CA is to name. */
MUST_CHECK bool sim_state_write_root(const char *dir, const struct sim_pki *pki, struct err *e);

/* Keep a PUT, so that it is put again; forget what was kept for a path and all below it. */
MUST_CHECK bool sim_state_keep(const char *dir, const struct sim_request *rq, struct err *e);
MUST_CHECK bool sim_state_drop(const char *dir, struct span path, struct err *e);

/* Put again everything that was kept. What does not fit any more is logged and left. */
void sim_state_replay(const char *dir, struct sim *s, int64_t now_s, struct log *log);

#endif
