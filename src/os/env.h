/* env.h - the world as a struct: clocks, randomness, the log. Made once in main and handed down;
 * tests hand down a world of their own. Owns the log's sink, stderr. */
#ifndef OS_ENV_H
#define OS_ENV_H

#include "base/log.h"

struct env {
	int64_t (*wall_ms)(void *ctx); /* milliseconds since 1970 */
	uint64_t (*mono_ms)(void *ctx); /* never steps back */
	/* Fill with random bytes of the kernel. Cannot fail: without randomness there is no nonce,
	 * so the program ends instead. */
	void (*random)(void *ctx, void *dst, size_t n);
	void *ctx;
	struct log log;
};

/* The real world. Lines go to stderr, under journald with its priority prefix. */
void env_init(struct env *env, enum log_level level);

static inline int64_t
env_now_s(const struct env *env)
{
	return env->wall_ms(env->ctx) / 1000;
}

static inline uint64_t
env_now_ms(const struct env *env)
{
	return env->mono_ms(env->ctx);
}

static inline void
env_random(const struct env *env, void *dst, size_t n)
{
	env->random(env->ctx, dst, n);
}

#endif
