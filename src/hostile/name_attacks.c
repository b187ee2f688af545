/* Attacks on names: who one says to be, and whose place one takes. */
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

/* Register as that identity. True when no challenge came of it. */
static bool
is_unchallenged(struct kit *k, struct hand *h, const char *what, char word[static 200])
{
	if (!hand_register(h))
		return kit_cannot(k, "%s: could not be said", what);
	switch (hand_reply(h, word)) {
	case VERDICT_REFUSED:
		return true;
	case VERDICT_NONE:
		return kit_cannot(k, "%s: no word came", what);
	default:
		return kit_broken(k, "%s: taken", what);
	}
}

/* Registers that must be refused by their text alone. */
struct bad_name {
	const char *member, *value;
};

static const char **
member_of(struct hand *h, const char *name)
{
	return name[0] == 'r'   ? &h->id.repo
	       : name[0] == 't' ? &h->id.release_tag
	       : name[0] == 'a' ? &h->id.app_name
	       : name[0] == 'n' ? &h->id.network
				: &h->id.agent_id;
}

static void
strange(struct kit *k, const struct bad_name *names, size_t n)
{
	char word[200] = "";

	if (!hand_serve(k, "a", 1))
		return;
	for (size_t i = 0; i < n; i++) {
		struct hand *h = hand_open(k, "a");

		if (!h)
			return;
		*member_of(h, names[i].member) = names[i].value;
		kit_case(k);
		if (!is_unchallenged(k, h, names[i].value, word)
		    && k->result == RESULT_NOT_APPLICABLE)
			return;
	}
	(void)kit_held(k, "%zu names refused without a challenge, the last with %s", n, word);
}

#define STRANGE(k, names) strange(k, names, sizeof(names) / sizeof *(names))

static void
script_names(struct kit *k)
{
	static const struct bad_name names[] = {{"app", "<script>alert(1)</script>"},
	    {"app", "\"onmouseover=\"alert(1)"}, {"id", "<img src=x onerror=alert(1)>"},
	    {"repo", "<b>/service"}, {"repo", "a/<svg/onload=alert(1)>"}, {"network", "<i>"},
	    {"app", "a\r\nlevel=error"}, {"id", "a\x1b[2J"}};

	STRANGE(k, names);
}

static void
repo_tricks(struct kit *k)
{
	static const struct bad_name names[] = {{"repo", "../../user"}, {"repo", "a/.."},
	    {"repo", "a/b/../../user"}, {"repo", "a/b?access_token=x"}, {"repo", "a/b#c"},
	    {"repo", "a@evil.example/b"}, {"repo", "a/b\r\nHost: evil.example"},
	    {"repo", "a%2f../b"}, {"repo", "https://evil.example/a/b"}, {"repo", "/a/b"},
	    {"repo", "a"}, {"repo", "a/\xc3\xa9"}, {"tag", "../../../user"},
	    {"tag", "..%2f..%2fuser/.."}, {"tag", "v1\r\nX: y"}, {"tag", "v 1"}, {"tag", "a..b"}};

	STRANGE(k, names);
}

static void
app_tricks(struct kit *k)
{
	static const struct bad_name names[] = {{"app", ".."}, {"app", "a.b"}, {"app", "App"},
	    {"app", "app."}, {"app", "app:80"}, {"app", "-app"}, {"app", "app-"}, {"app", "a/b"},
	    {"app", "a%2fb"}, {"app", "\xd0\xb0pp"}, {"app", "a_b"}};

	STRANGE(k, names);
}

static void
reserved_names(struct kit *k)
{
	static const struct bad_name names[] = {{"app", "www"}, {"app", "api"}, {"app", "health"},
	    {"app", "mail"}, {"app", "xn--80ak6aa92e"}};

	STRANGE(k, names);
}

static void
networks(struct kit *k)
{
	static const struct bad_name names[] = {{"network", "prod"}, {"network", "forge-2"},
	    {"network", "FORGE-1"}, {"network", "../forge-1"}, {"network", "unsealed"}};

	STRANGE(k, names);
}

/* -- places that are taken -- */

static void
other_identity(struct kit *k)
{
	struct hand *h = hand_serve(k, "a", 1);
	char target[128], word[200];

	if (!h)
		return;
	if (!scenario_is_allowed(k, h)) {
		(void)kit_cannot(k, "the honest app is not allowed");
		return;
	}
	(void)snprintf(h->app, sizeof h->app, "%.40s-changed", k->o->app);
	if (!is_unchallenged(k, h, "another app on the same tunnel", word))
		return;
	(void)hand_say(h, "{\"type\":\"health\",\"status\":\"pass\"}");
	(void)snprintf(target, sizeof target, "/v1/resolve/%s", h->id.app_name);
	if (scenario_get(k, target) == 200)
		(void)kit_broken(k, "the name that was never attested is allowed");
	else if (!hand_ended(h, k->o->patience_ms))
		(void)kit_broken(k, "the tunnel goes on under a changed identity (%s)", word);
	else
		(void)kit_held(k, "%s, closed %u", word, (unsigned)h->code);
}

/* Whoever fails to attest takes no name and takes nobody's away. */
static void
failed_attestation(struct kit *k)
{
	struct hand *honest = hand_serve(k, "a", 1);
	char name[32], target[128], word[200];
	unsigned random, n = 0;
	struct buf b;

	if (!honest || !scenario_is_allowed(k, honest))
		return;
	env_random(k->env, &random, sizeof random);
	(void)snprintf(name, sizeof name, "free-%08x", random);
	buf_init(&b, 4096);
	for (; n < 6; n++) {
		struct hand *h = hand_open(k, n % 2 ? "a" : name);

		if (!h || !hand_register(h) || !hand_challenge(h))
			break;
		buf_clear(&b);
		msg_write_attest_response(
		    &b, h->nonce, span_str("garbage"), span_str("00"), span_str("{}"));
		(void)hand_say(h, buf_cstr(&b));
		if (hand_verdict(h, word) == VERDICT_ADMITTED) {
			(void)kit_broken(k, "admitted with garbage");
			break;
		}
	}
	buf_fini(&b);
	(void)snprintf(target, sizeof target, "/v1/resolve/%.20s-%s", k->o->app, name);
	if (scenario_get(k, target) == 200)
		(void)kit_broken(k, "the name of an agent that failed is allowed");
	else if (!scenario_is_allowed(k, honest))
		(void)kit_broken(k, "failures took the live app down");
	else if (n < 6)
		(void)kit_cannot(k, "only %u of 6 were challenged", n);
	else
		(void)kit_held(
		    k, "the live app serves, the free name is nobody's; refused with %s", word);
}

static void
taken_by_repo(struct kit *k)
{
	struct hand *honest, *thief;
	char word[200];

	if (!k->o->other_repo) {
		(void)kit_cannot(k, "--other-repo names no second repository");
		return;
	}
	honest = hand_serve(k, "a", 1);
	thief = honest ? hand_open(k, "a") : NULL;
	if (!thief)
		return;
	thief->id.repo = k->o->other_repo;
	if (hand_register(thief) && hand_challenge(thief))
		(void)hand_answer(thief, NULL);
	if (hand_verdict(thief, word) == VERDICT_ADMITTED)
		(void)kit_broken(k, "another repository has the name now");
	else if (!honest->ws || !scenario_is_allowed(k, honest))
		(void)kit_broken(k, "the owner lost its place to a failed attempt");
	else
		(void)kit_held(k, "%s", word);
}

/* The same agent_id from another machine, while its owner is there and answers. */
static void
taken_by_machine(struct kit *k)
{
	static const struct lie elsewhere = {.settings = "\"platform\":\"ee-attack-elsewhere\""};
	struct hand *honest = hand_serve(k, "a", 1), *thief;
	char word[200];

	thief = honest ? hand_open(k, "a") : NULL;
	if (!thief)
		return;
	thief->id = honest->id;
	if (!hand_register(thief) || !hand_challenge(thief) || !hand_answer(thief, &elsewhere))
		return;
	if (hand_challenge(honest) && !hand_answer(honest, NULL))
		return;
	if (hand_verdict(thief, word) == VERDICT_ADMITTED)
		(void)kit_broken(k, "another machine has the agent's identity now (%s)", word);
	else if (!honest->ws)
		(void)kit_broken(k, "the owner's tunnel ended: %s", honest->why);
	else
		(void)kit_held(k, "%s", word);
}

/* A registered agent that has not attested is asked nothing. */
static void
served_unattested(struct kit *k)
{
	struct hand *h;
	struct conn *c;
	struct seen seen;
	char text[200], line[100];

	if (!scenario_has_proxy(k) || !hand_serve(k, "a", 1))
		return;
	h = hand_open(k, "unattested");
	if (!h || !hand_register(h) || !hand_challenge(h))
		return;
	(void)hand_say(h, "{\"type\":\"health\",\"status\":\"pass\"}");
	(void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s.%s\r\n\r\n", h->id.app_name,
	    k->o->domain);
	c = scenario_visit(k, &k->proxy, span_str(text), &h, 1, &seen);
	if (c && seen.n)
		(void)kit_broken(k, "a request reached it");
	else if (c && scenario_was_answered(k, c))
		(void)kit_held(k, "the visitor got %s", conn_first_line(c, line));
	buf_fini(&seen.text);
}

const struct scenario scenario_names[] = {
    {"script-names", "0.19", "register names that are markup, terminal codes or log lines",
	script_names},
    {"repo-tricks", "0.17", "register repos and tags that lead elsewhere in GitHub's API",
	repo_tricks},
    {"app-tricks", "5", "register names that only look like another or are no label", app_tricks},
    {"reserved-names", "5", "register the operator's own names and look-alikes in Punycode",
	reserved_names},
    {"other-network", "0.13", "register for networks that do not exist", networks},
    {"other-identity", "0.9", "attest as one app and register as another on the same tunnel",
	other_identity},
    {"failed-attestation", "0.8", "take a live app down, or a free name, by failing to attest",
	failed_attestation},
    {"name-takeover", "5", "attest genuinely for another repository under a name that is taken",
	taken_by_repo},
    {"agent-takeover", "19.1", "attest genuinely from another machine as an agent that is there",
	taken_by_machine},
    {"served-unattested", "3", "be asked something without having attested", served_unattested},
    {NULL, NULL, NULL, NULL}};
