/* Attacks on admission: evidence that is forged, old, borrowed or about something else. */
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>
#include <stdlib.h>

struct trial {
	const char *what;
	struct lie lie;
};

static void
add(struct buf *said, const char *what, const char *word)
{
	buf_printf(said, "%s%s: %s", said->n ? "; " : "", what, word);
}

/* One more agent, which lies. False when it was admitted, or nothing can be said. */
static bool
is_refused(struct kit *k, const struct trial *t, struct buf *said)
{
	struct hand *h = hand_open(k, "a");
	char word[200];

	kit_case(k);
	if (!h)
		return false;
	if (!hand_register(h) || !hand_challenge(h))
		return kit_cannot(k, "%s: no challenge came", t->what);
	if (!hand_answer(h, &t->lie))
		return k->result == RESULT_NOT_APPLICABLE
		       || kit_cannot(k, "%s: the answer could not be sent", t->what);
	switch (hand_verdict(h, word)) {
	case VERDICT_ADMITTED:
		return kit_broken(k, "%s: admitted (%s)", t->what, word);
	case VERDICT_REFUSED:
		add(said, t->what, word);
		return true;
	default:
		return kit_cannot(k, "%s: neither admitted nor refused in time", t->what);
	}
}

/* Every lie is refused, and the agent that tells the truth goes on serving. */
static void
refused_beside(struct kit *k, struct hand *honest, const struct trial *t, size_t n)
{
	struct buf said;
	size_t i = 0;

	buf_init(&said, 4096);
	while (i < n && k->result != RESULT_NOT_APPLICABLE)
		(void)is_refused(k, &t[i++], &said);
	if (k->result == RESULT_NONE && !scenario_is_allowed(k, honest))
		(void)kit_broken(k, "refused, but the app that was served is not any more");
	else if (k->result == RESULT_NONE)
		(void)kit_held(k, "%s", buf_cstr(&said));
	buf_fini(&said);
}

static void
refused(struct kit *k, const struct trial *t, size_t n)
{
	struct hand *honest = hand_serve(k, "a", 1);

	if (honest)
		refused_beside(k, honest, t, n);
}

#define REFUSED(k, trials) refused(k, trials, sizeof(trials) / sizeof *(trials))

static void
throwaway_key(struct kit *k)
{
	static const struct trial t[] = {
	    {"key that no enclave vouches for", {.settings = "\"forge\":\"throwaway-key\""}}};

	REFUSED(k, t);
}

static void
self_made_chain(struct kit *k)
{
	static const struct trial t[] = {
	    {"chain below a root of one's own", {.settings = "\"forge\":\"self-made-chain\""}}};

	REFUSED(k, t);
}

/* -- bytes of a genuine quote that are changed -- */

static void
flip(struct buf *q, size_t at)
{
	if (at < q->n)
		q->p[at] ^= 1;
}

static void
bend_mrtd(struct buf *q)
{
	flip(q, 48 + 136);
}

static void
bend_report_data(struct buf *q)
{
	flip(q, 48 + 520);
}

static void
bend_tee(struct buf *q)
{
	q->p[4] = 0; /* SGX */
}

static void
bend_version(struct buf *q)
{
	q->p[0] = 5;
}

static void
bend_debug_away(struct buf *q)
{
	flip(q, 48 + 120);
}

static void
bend_signature(struct buf *q)
{
	flip(q, 48 + 584 + 4);
}

static void
bend_length(struct buf *q)
{
	flip(q, 48 + 584);
}

static void
bend_shorter(struct buf *q)
{
	q->n /= 2;
}

static void
bend_empty(struct buf *q)
{
	q->n = 0;
}

static void
tampered_quote(struct kit *k)
{
	static const struct trial t[] = {{"MRTD", {.bend = bend_mrtd}},
	    {"report data", {.bend = bend_report_data}}, {"TEE type", {.bend = bend_tee}},
	    {"version", {.bend = bend_version}}, {"signature", {.bend = bend_signature}},
	    {"length", {.bend = bend_length}}, {"half", {.bend = bend_shorter}},
	    {"nothing", {.bend = bend_empty}}};

	REFUSED(k, t);
}

static void
debug_td(struct kit *k)
{
	static const struct trial t[] = {{"debug", {.settings = "\"debug\":true"}},
	    {"debug, the bit cleared afterwards",
		{.settings = "\"debug\":true", .bend = bend_debug_away}}};

	REFUSED(k, t);
}

static void
movable_td(struct kit *k)
{
	static const struct trial t[] = {
	    {"migratable", {.settings = "\"tdattributes\":\"0000003000000000\""}},
	    {"reserved attribute", {.settings = "\"tdattributes\":\"0200001000000000\""}}};

	REFUSED(k, t);
}

static void
old_platform(struct kit *k)
{
	static const struct trial t[] = {{"OutOfDate", {.settings = "\"tcb\":\"OutOfDate\""}},
	    {"Revoked", {.settings = "\"tcb\":\"Revoked\""}},
	    {"no level matches", {.settings = "\"tcb\":\"NotSupported\""}},
	    {"OutOfDate quoting enclave", {.settings = "\"qe_svn\":2"}},
	    {"revoked TDX module", {.settings = "\"tdx_module_svn\":1"}}};

	REFUSED(k, t);
}

static void
other_registers(struct kit *k)
{
	char zeros[120], other[3][140];
	struct trial t[3] = {{"MRTD", {0}}, {"RTMR1", {0}}, {"RTMR2", {0}}};
	static const char *const names[] = {"mrtd", "rtmr1", "rtmr2"};

	memset(zeros, '0', 96);
	zeros[96] = '\0';
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(other[i], sizeof other[i], "\"%s\":\"%s\"", names[i], zeros);
		t[i].lie.settings = other[i];
	}
	REFUSED(k, t);
}

/* The claims in the message are not those that the quote binds: what the release lists is claimed. */
static void
claims_beside_the_quote(struct kit *k)
{
	static const struct trial t[] = {
	    {"claims of another", {.claims_said = "{\"vm_image_id\":\"evil\",\"sealed\":true}"}},
	    {"no claims", {.claims_said = "{}"}},
	    {"a claim twice", {.claims_said = "{\"sealed\":true,\"sealed\":false}"}}};

	REFUSED(k, t);
}

static void
no_freshness(struct kit *k)
{
	static const struct trial t[] = {{"no binding", {.no_freshness = true}}};

	REFUSED(k, t);
}

static void
relayed_audience(struct kit *k)
{
	static const struct trial t[] = {
	    {"other control plane", {.audience = "https://control.evil.example"}},
	    {"no audience", {.audience = ""}}};

	REFUSED(k, t);
}

static void
relayed_channel(struct kit *k)
{
	static const struct trial t[] = {{"other channel",
	    {.channel = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}}};

	REFUSED(k, t);
}

static void
relayed_identity(struct kit *k)
{
	struct attest_identity id[5];
	struct hand *honest = hand_serve(k, "a", 1);
	struct trial t[5] = {{"other app", {0}}, {"other repo", {0}}, {"other tag", {0}},
	    {"other network", {0}}, {"other agent", {0}}};
	const char **const member[5] = {
	    &id[0].app_name, &id[1].repo, &id[2].release_tag, &id[3].network, &id[4].agent_id};
	char agent[5][32], other[5][256];

	if (!honest)
		return;
	for (size_t i = 0; i < 5; i++) {
		id[i] = honest->id;
		/* the next agent that is opened has the next number */
		(void)snprintf(
		    agent[i], sizeof agent[i], "ee-attack-%u", k->serial + 1 + (unsigned)i);
		id[i].agent_id = agent[i];
		(void)snprintf(other[i], sizeof other[i], "%s", *member[i]);
		other[i][0] = other[i][0] == 'x' ? 'y' : 'x';
		*member[i] = other[i];
		t[i].lie.bound = &id[i];
	}
	refused_beside(k, honest, t, 5);
}

/* -- time -- */

static void
replayed_quote(struct kit *k)
{
	struct hand *honest = hand_serve(k, "a", 1);
	struct trial t[] = {{"captured quote", {0}}, {"captured quote with its nonce", {0}}};
	char nonce[MSG_NONCE_MAX];

	if (!honest)
		return;
	memcpy(nonce, honest->nonce, sizeof nonce);
	t[0].lie.quote = t[1].lie.quote = &honest->quote;
	t[1].lie.nonce_said = t[1].lie.nonce_bound = nonce;
	refused_beside(k, honest, t, 2);
}

static void
wrong_nonce(struct kit *k)
{
	static const char other[] =
	    "abababababababababababababababababababababababababababababababab";
	static const struct trial t[] = {{"another nonce said", {.nonce_said = other}},
	    {"another nonce bound", {.nonce_bound = other}}, {"no nonce", {.nonce_said = ""}}};

	REFUSED(k, t);
}

/* Two tunnels; the quote for one's challenge is shown on the other. */
static void
relayed_tunnel(struct kit *k)
{
	struct hand *honest = hand_serve(k, "a", 1), *mule;
	struct trial t[] = {{"made for another tunnel", {0}}};

	if (!honest)
		return;
	mule = hand_open(k, "a");
	if (!mule || !hand_register(mule) || !hand_challenge(mule))
		return;
	t[0].lie.nonce_bound = mule->nonce;
	refused_beside(k, honest, t, 1);
}

/* A nonce is spent by its first answer, right or wrong. */
static void
second_try(struct kit *k)
{
	static const struct lie wrong = {.bend = bend_signature};
	struct hand *honest = hand_serve(k, "a", 1), *h;
	char word[200];
	struct msg m;

	h = honest ? hand_open(k, "a") : NULL;
	if (!h || !hand_register(h) || !hand_challenge(h) || !hand_answer(h, &wrong))
		return;
	(void)hand_answer(h, NULL);
	while (hand_hear(h, MSG_STATUS, &m, k->o->patience_ms)) {
		bool in = strcmp(m.u.status.state, "invalid") != 0;

		(void)snprintf(word, sizeof word, "%.150s", m.u.status.reason);
		msg_fini(&m);
		if (in) {
			(void)kit_broken(k, "admitted at the second try: %s", word);
			return;
		}
	}
	if (h->ws)
		(void)kit_broken(k, "the tunnel goes on after a wrong answer");
	else
		(void)kit_held(k, "closed %u %s", (unsigned)h->code, h->why);
}

/* -- order -- */

static void
out_of_order(struct kit *k)
{
	static const char *const words[] = {"{\"type\":\"health\",\"status\":\"pass\"}",
	    "{\"type\":\"attest_response\",\"nonce\":\"00\",\"quote\":\"AAAA\",\"report_data\":"
	    "\"00\","
	    "\"measurements\":{}}",
	    "{\"type\":\"proxy_response\",\"request_id\":\"1\",\"status\":200,\"headers\":{}}",
	    "{\"type\":\"status\",\"state\":\"ok\",\"reason\":\"attested\"}",
	    "{\"type\":\"h2_end\"}"};
	struct buf said;

	buf_init(&said, 4096);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct hand *h = hand_open(k, "unasked");
		char word[200], what[16];
		enum verdict v;

		if (!h)
			break;
		(void)hand_say(h, words[i]);
		v = hand_verdict(h, word);
		(void)snprintf(what, sizeof what, "%zu", i + 1);
		add(&said, what, word);
		if (v == VERDICT_ADMITTED)
			(void)kit_broken(k, "admitted by %s", words[i]);
	}
	if (k->result == RESULT_NONE)
		(void)kit_held(k, "%s", buf_cstr(&said));
	buf_fini(&said);
}

const struct scenario scenario_quotes[] = {
    {"forged-quote", "0.1", "sign a quote with a key that no quoting enclave vouches for",
	throwaway_key},
    {"forged-chain", "0.2", "sign a quote below a root with Intel's names that is one's own",
	self_made_chain},
    {"tampered-quote", "12", "change bytes of a genuine quote, its kind and its length",
	tampered_quote},
    {"debug-td", "0.4", "serve from a TD whose memory its host may read", debug_td},
    {"movable-td", "12", "serve from a TD that may be moved, or with attributes that nobody knows",
	movable_td},
    {"old-platform", "11", "serve from a platform whose TCB is outdated or revoked", old_platform},
    {"other-registers", "0.5", "claim the release's measurements with a quote of other registers",
	other_registers},
    {"unbound-claims", "0.5", "say claims that the quote does not bind", claims_beside_the_quote},
    {"no-freshness", "0.6", "show a quote that binds no challenge", no_freshness},
    {"replayed-quote", "2", "show a quote that was accepted before", replayed_quote},
    {"wrong-nonce", "2", "answer with another nonce than the challenge's, or none", wrong_nonce},
    {"second-try", "2", "answer a challenge wrongly, then rightly", second_try},
    {"relayed-tunnel", "1", "show on one tunnel the quote for another's challenge", relayed_tunnel},
    {"relayed-audience", "1", "show a quote made for another control plane", relayed_audience},
    {"relayed-channel", "1", "show a quote made for another connection", relayed_channel},
    {"relayed-identity", "1", "show a quote made for another app, repo, tag, network or agent",
	relayed_identity},
    {"out-of-order", "19.3", "say what belongs behind attestation without any", out_of_order},
    {NULL, NULL, NULL, NULL}};
