/* kit.h - what an attack is played with: one loop, connections and agents that say whatever they
 * are told to, quotes of a simulated machine, and what came of it. Calls here wait for what they
 * are for, with a deadline, by running the loop, so that an attack reads from top to bottom. Owns
 * all that it opens until kit_fini; borrows its options. Judges nothing by itself. */
#ifndef HOSTILE_KIT_H
#define HOSTILE_KIT_H

#include "attest/attest.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/tls.h"
#include "os/env.h"
#include "sim/service.h"
#include "wire/url.h"

struct conn;
struct hand;

/* Who is attacked, and whose quotes are shown. What may be NULL says so. */
struct kit_opts {
	const char *target; /* origin of the control plane */
	const char *proxy; /* origin of its raw listener; may be NULL */
	const char *ca_file; /* what is trusted for https; NULL: the system's store */
	const char *repo, *tag, *network, *app;
	const char *other_repo; /* one that lists the same machine; may be NULL */
	const char *vm; /* the machine that the release lists */
	const char *claims; /* a JSON object: what the release lists beside registers */
	const char *sim; /* the simulator's URL; or */
	const char *state_dir; /* its folder; both may be NULL: no quotes */
	const char *domain; /* what follows the app's name in Host */
	const char *admin_token; /* may be NULL */
	unsigned patience_ms; /* for one answer */
};

enum result { RESULT_NONE, RESULT_HELD, RESULT_BROKEN, RESULT_NOT_APPLICABLE };

struct kit {
	const struct kit_opts *o;
	struct env *env;
	struct net_loop *loop;
	struct tls_ctx *tls;
	struct url target, proxy;
	char audience[URL_ORIGIN_MAX];
	struct conn *conns;
	struct hand *hands;
	struct sim sim;
	bool has_sim, waited_in_vain;
	struct net_timer timer;
	unsigned serial;
	enum result result;
	unsigned played, through; /* cases, and those of them that succeeded */
	char evidence[480];
};

/* Make ready for one attack. The caller calls kit_fini, also after a failure. */
MUST_CHECK bool kit_init(struct kit *k, const struct kit_opts *o, struct env *env, struct err *e);
void kit_fini(struct kit *k);

/* Check a target's URL: an http or https origin. Refusal: BAD_SETTING. */
MUST_CHECK bool kit_target(struct url *u, const char *name, const char *text, struct err *e);

/* Run the loop until done(ctx), or for so long. False when the time ran out. */
bool kit_wait(struct kit *k, bool (*done)(void *ctx), void *ctx, uint64_t ms);

/* What the callbacks of connections call: something came, look again. */
void kit_wake(struct kit *k);

/* Do nothing for so long, but let what comes come. */
void kit_pace(struct kit *k, uint64_t ms);

/* Begin one more case of an attack that has several. */
void kit_case(struct kit *k);

/* Say what came of it. What is broken stays so, with its first evidence; else the last word counts.
 * All return false. */
PRINTF(2, 3) bool kit_held(struct kit *k, const char *fmt, ...);
PRINTF(2, 3) bool kit_broken(struct kit *k, const char *fmt, ...);
PRINTF(2, 3) bool kit_cannot(struct kit *k, const char *fmt, ...);

/* -- quotes -- */

/* Append a quote of the machine that the release lists, or, with settings (members of a JSON
 * object, as docs/simulation.md has them), of one that has its registers and differs in those. */
MUST_CHECK bool kit_quote(struct kit *k, const char *settings,
    const uint8_t report_data[static ATTEST_REPORT_DATA], struct buf *out);

/* Say whether there is anyone to sign quotes; kit_cannot has been told if not. */
bool kit_has_quotes(struct kit *k);

#endif
