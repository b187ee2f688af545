#include "gate/gate.h"

#include "base/ascii.h"
#include "base/ip.h"

#include <openssl/sha.h>

#include <stdlib.h>

/* 1,024 sets of 4: 4,096 addresses are told apart, 96 KiB. In a full set the bucket with the most
 * tokens gives way, which is the address that used the least of late. */
#define SETS 1024
#define WAYS 4

struct bucket {
	uint64_t tag; /* of the address; 0: free */
	uint64_t at_ms;
	uint64_t milli; /* tokens times 1,000 */
};

struct gate {
	uint32_t rate, burst;
	uint8_t key[16];
	struct bucket at[SETS][WAYS];
};

struct gate *
gate_new(uint32_t rate, uint32_t burst, const uint8_t key[static 16])
{
	struct gate *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->rate = rate;
	a->burst = burst ? burst : 1;
	memcpy(a->key, key, sizeof a->key);
	return a;
}

void
gate_free(struct gate *a)
{
	free(a);
}

static uint64_t
tag_of(const uint8_t *in, size_t n)
{
	uint8_t out[SHA256_DIGEST_LENGTH];
	uint64_t tag;

	SHA256(in, n, out);
	memcpy(&tag, out, sizeof tag);
	return tag ? tag : 1;
}

static uint64_t
address_tag(const struct gate *a, const char *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t in[16 + 16] = {0};

	memcpy(in, a->key, 16);
	if (ip_parse(span_str(address), in + 16) && memcmp(in + 16, mapped, sizeof mapped) != 0)
		memset(in + 24, 0, 8);
	return tag_of(in, sizeof in);
}

static uint64_t
name_tag(const struct gate *a, struct span name)
{
	uint8_t in[16 + GATE_NAME_MAX];
	size_t n = name.n < GATE_NAME_MAX ? name.n : GATE_NAME_MAX;

	memcpy(in, a->key, 16);
	for (size_t i = 0; i < n; i++)
		in[16 + i] = ascii_lower(name.p[i]);
	return tag_of(in, 16 + n);
}

static void
refill(const struct gate *a, struct bucket *b, uint64_t now_ms)
{
	uint64_t full = (uint64_t)a->burst * 1000;
	uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;

	/* A rate is tokens a second, so milli-tokens a millisecond. */
	if (passed >= full / a->rate || b->milli + passed * a->rate > full)
		b->milli = full;
	else
		b->milli += passed * a->rate;
	b->at_ms = now_ms;
}

static struct bucket *
bucket_of(struct gate *a, uint64_t tag, uint64_t now_ms)
{
	struct bucket *set = a->at[(tag >> 32) % SETS], *victim = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].tag == tag) {
			refill(a, &set[i], now_ms);
			return &set[i];
		}
	}
	for (size_t i = 0; i < WAYS; i++) {
		if (!set[i].tag) {
			victim = &set[i];
			break;
		}
		refill(a, &set[i], now_ms);
		if (set[i].milli > victim->milli)
			victim = &set[i];
	}
	*victim = (struct bucket){tag, now_ms, (uint64_t)a->burst * 1000};
	return victim;
}

static bool
take(struct gate *a, uint64_t tag, uint64_t now_ms)
{
	struct bucket *b = bucket_of(a, tag, now_ms);

	if (b->milli < 1000)
		return false;
	b->milli -= 1000;
	return true;
}

bool
gate_take(struct gate *a, const char *address, uint64_t now_ms)
{
	return a->rate == 0 || take(a, address_tag(a, address), now_ms);
}

bool
gate_take_name(struct gate *a, struct span name, uint64_t now_ms)
{
	return a->rate == 0 || take(a, name_tag(a, name), now_ms);
}
