/* hand.h - an agent played by hand: every word of the tunnel can be a lie. Owned by the kit until
 * its end. Truth is the default: a lie says only what differs from it. */
#ifndef HOSTILE_HAND_H
#define HOSTILE_HAND_H

#include "hostile/kit.h"
#include "net/ws_conn.h"
#include "wire/message.h"

/* One text message that came. */
struct note {
	struct note *next;
	struct buf text;
};

struct hand {
	struct hand *next;
	struct kit *k;
	struct ws_conn *ws; /* NULL once it has ended */
	bool open, turned_away; /* it was refused the upgrade */
	uint16_t code; /* of the close */
	char why[124];
	struct attest_identity id;
	char app[128], agent[32]; /* of the identity; the rest is the options' text */
	unsigned version;
	char nonce[MSG_NONCE_MAX], channel[ATTEST_CHANNEL_MAX + 1]; /* of the last challenge */
	struct note *first, **last; /* what came and was not taken */
	struct note *taken;
	struct buf binary; /* what came in binary messages */
	struct buf quote; /* the last one that was shown */
};

struct lie {
	const char *settings; /* of the machine that signs: kit_quote */
	const struct attest_identity *bound; /* whom the quote names */
	const char *audience, *channel, *nonce_bound; /* what it names besides */
	const char *nonce_said, *claims_said; /* what the message says */
	void (*bend)(struct buf *quote);
	const struct buf *quote; /* one that was shown before */
	bool no_freshness; /* the second half is zeros */
};

/* Dial the tunnel. NULL when it cannot be: kit_cannot has been told. app is put behind the name
 * that the options give; NULL: that name alone. */
struct hand *hand_open(struct kit *k, const char *app);

/* Say one text message. */
bool hand_say(struct hand *h, const char *text);
bool hand_register(struct hand *h);

/* Wait for a message of a type, passing over others. On success the caller calls msg_fini. */
bool hand_hear(struct hand *h, enum msg_type type, struct msg *m, uint64_t ms);

/* Wait for a challenge and keep its nonce. */
bool hand_challenge(struct hand *h);

/* Answer the last challenge; lie NULL: the truth. */
bool hand_answer(struct hand *h, const struct lie *lie);

/* Wait for what the control plane says of us. The word is its reason, with the cause, or the
 * close, or "silence". */
enum verdict { VERDICT_NONE, VERDICT_CHALLENGED, VERDICT_ADMITTED, VERDICT_REFUSED };
enum verdict hand_verdict(struct hand *h, char word[static 200]);

/* The same, but a challenge is an answer, too, and is kept. */
enum verdict hand_reply(struct hand *h, char word[static 200]);

/* Open, register, answer truly, be admitted, say health. NULL: kit_cannot has been told why. */
struct hand *hand_serve(struct kit *k, const char *app, unsigned version);

/* The claims that are said, written to out. */
void hand_claims(const struct kit *k, struct buf *out);

/* Wait for the end, or for so long. */
bool hand_ended(struct hand *h, uint64_t ms);

void hand_close_all(struct kit *k);
void hand_free_all(struct kit *k);

#endif
