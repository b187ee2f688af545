/* ee-sim attack: a hostile agent and a hostile visitor, against a control plane that one operates
 * (docs/simulation.md). Reads options, plays, prints. */
#include "base/jcs.h"
#include "hostile/scenario.h"
#include "os/file.h"
#include "programs/ee_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_BROKEN    1
#define EXIT_UNPLAYED  3
#define NAMES_MAX      128
#define PATIENCE_MS    5000
#define PATIENCE_MAX_S 600

static const char usage[] =
    "usage: ee-sim attack --list [--json]\n"
    "       ee-sim attack --run NAME|all [--run NAME ...] --target URL [OPTION ...]\n"
    "\n"
    "Play attacks against a control plane and say of each whether it held. Only for\n"
    "systems that you operate yourself: beyond loopback it asks you to say so.\n"
    "\n"
    "  --target URL             the control plane, http://127.0.0.1:8088\n"
    "  --proxy URL              its raw listener, http://127.0.0.1:9090; without it the\n"
    "                           attacks of visitors are not played\n"
    "  --sim URL                the ee-sim whose root the target trusts, or\n"
    "  --sim-state DIR          its state folder: quotes are then signed in this process\n"
    "  --repo OWNER/NAME        what the release is called (example/service)\n"
    "  --tag TAG                (v0.1.3)\n"
    "  --network NAME           (forge-1)\n"
    "  --vm NAME                the simulated machine that the release lists (vm1)\n"
    "  --claims JSON            what it lists beside registers\n"
    "                           ({\"vm_image_id\":\"image-1\",\"sealed\":true})\n"
    "  --app NAME               what the names of the apps begin with (attack)\n"
    "  --other-repo OWNER/NAME  a repository with the same release, to take names with\n"
    "  --domain NAME            what follows an app's name in Host (apps.example)\n"
    "  --admin-token-file FILE  the right token, for attacks that need a part of it\n"
    "  --ca-file FILE           what to trust for https; else the system's store\n"
    "  --patience SECONDS       for one answer (5)\n"
    "  --json                   one JSON object a line\n"
    "  --i-operate-this-target  allow a target that is not on this machine\n"
    "\n"
    "Exit status: 0 every attack failed, 1 one succeeded, 2 a wrong call, 3 none succeeded\n"
    "but one could not be played.\n";

struct attack {
	struct kit_opts kit;
	const char *names[NAMES_MAX], *token_file, *patience;
	size_t n_names;
	bool list, json, mine;
	struct buf token;
};

static bool
wrong(struct err *e, const char *name, const char *why)
{
	err_set(e, ERR_USAGE, REASON_BAD_SETTING, "%s", name);
	return err_show(e, "%s %s; ee-sim attack --help says more", name, why);
}

static bool
take_value(struct attack *a, const char *name, const char *value, struct err *e)
{
	const struct {
		const char *name, **to;
	} values[] = {{"--target", &a->kit.target}, {"--proxy", &a->kit.proxy},
	    {"--sim", &a->kit.sim}, {"--sim-state", &a->kit.state_dir}, {"--repo", &a->kit.repo},
	    {"--tag", &a->kit.tag}, {"--network", &a->kit.network}, {"--vm", &a->kit.vm},
	    {"--claims", &a->kit.claims}, {"--app", &a->kit.app},
	    {"--other-repo", &a->kit.other_repo}, {"--domain", &a->kit.domain},
	    {"--admin-token-file", &a->token_file}, {"--ca-file", &a->kit.ca_file},
	    {"--patience", &a->patience}};

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (strcmp(name, values[i].name) == 0) {
			*values[i].to = value;
			return value || wrong(e, name, "wants a value");
		}
	if (strcmp(name, "--run") != 0)
		return wrong(e, name, "is no option");
	if (!value)
		return wrong(e, name, "wants a value");
	if (a->n_names == NAMES_MAX)
		return wrong(e, name, "is given too often");
	a->names[a->n_names++] = value;
	return true;
}

static bool
take(struct attack *a, int argc, char **argv, struct err *e)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0)
			a->list = true;
		else if (strcmp(argv[i], "--json") == 0)
			a->json = true;
		else if (strcmp(argv[i], "--i-operate-this-target") == 0)
			a->mine = true;
		else if (!take_value(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL, e))
			return false;
		else
			i++;
	}
	return true;
}

/* -- what was taken is checked before anything is sent -- */

static bool
is_a_place_of_ours(const struct attack *a, const char *name, const char *text, struct err *e)
{
	struct url u;

	if (!text)
		return true;
	if (!kit_target(&u, name, text, e))
		return false;
	return a->mine || host_is_loopback(&u.host)
	       || wrong(e, name,
		   "is not on this machine: --i-operate-this-target says that you "
		   "operate it, and may attack it");
}

static bool
check_claims(const char *text, struct err *e)
{
	static const struct json_limits lim = {8, 1000};
	struct json_doc doc;
	struct err broken = {0};
	bool ok;

	if (!json_parse(&doc, span_str(text), lim, &broken))
		return wrong(e, "--claims", "is no JSON");
	ok = json_top(&doc)->type == JSON_OBJECT && !json_get(&doc, json_top(&doc), "agent_config");
	json_free(&doc);
	return ok || wrong(e, "--claims", "wants an object without agent_config");
}

static bool
check_patience(struct attack *a, struct err *e)
{
	char *end = NULL;
	long s = a->patience ? strtol(a->patience, &end, 10) : PATIENCE_MS / 1000;

	if (s < 1 || s > PATIENCE_MAX_S || (end && (*end || end == a->patience)))
		return wrong(e, "--patience", "wants 1 to 600 seconds");
	a->kit.patience_ms = (unsigned)s * 1000;
	return true;
}

static bool
read_token(struct attack *a, struct err *e)
{
	if (!a->token_file)
		return true;
	if (!file_read(a->token_file, 4096, &a->token, e))
		return false;
	while (a->token.n
	       && (a->token.p[a->token.n - 1] == '\n' || a->token.p[a->token.n - 1] == '\r'))
		a->token.n--;
	for (size_t i = 0; i < a->token.n; i++)
		if (a->token.p[i] <= 0x20 || a->token.p[i] >= 0x7f)
			return wrong(e, "--admin-token-file", "holds more than a token");
	a->kit.admin_token = buf_cstr(&a->token);
	return a->token.n || wrong(e, "--admin-token-file", "is empty");
}

static bool
check(struct attack *a, struct err *e)
{
	if (a->n_names == 0)
		return wrong(e, "--run", "or --list is needed");
	for (size_t i = 0; i < a->n_names; i++)
		if (strcmp(a->names[i], "all") != 0 && !scenario_find(a->names[i]))
			return wrong(e, a->names[i], "is no attack: --list names them");
	if (!a->kit.target)
		return wrong(e, "--target", "is needed");
	if (a->kit.sim && a->kit.state_dir)
		return wrong(e, "--sim", "and --sim-state are one too many");
	return is_a_place_of_ours(a, "--target", a->kit.target, e)
	       && is_a_place_of_ours(a, "--proxy", a->kit.proxy, e)
	       && is_a_place_of_ours(a, "--sim", a->kit.sim, e) && check_claims(a->kit.claims, e)
	       && check_patience(a, e) && read_token(a, e);
}

/* -- what is printed -- */

/* False when nobody can read it: then the exit code would be all that is left. */
static bool
print_json(const struct scenario *s, const struct scenario_report *r)
{
	struct buf b;
	struct jw w = jw_of(&b);
	bool ok;

	buf_init(&b, 16384);
	jw_object(&w, NULL);
	jw_str(&w, "name", s->name);
	jw_str(&w, "row", s->row);
	jw_str(&w, "tries", s->tries);
	if (r) {
		jw_str(&w, "result", scenario_word(r->result));
		jw_int(&w, "cases", r->played);
		jw_int(&w, "through", r->through);
		jw_str(&w, "evidence", r->evidence);
	}
	jw_end_object(&w);
	ok = buf_ok(&b) && puts(buf_cstr(&b)) >= 0;
	buf_fini(&b);
	return ok;
}

static int
list(const struct attack *a)
{
	const struct scenario *s;
	bool ok = true;

	for (size_t i = 0; ok && (s = scenario_at(i)) != NULL; i++)
		ok = a->json ? print_json(s, NULL)
			     : printf("%-22s %-12s %s\n", s->name, s->row, s->tries) >= 0;
	return ok && fflush(stdout) == 0 ? 0 : EXIT_UNPLAYED;
}

/* Evidence holds what the target said: only what a terminal may see is printed. */
static void
make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			*text = '?';
}

static int
play_one(const struct attack *a, const struct scenario *s, struct env *env)
{
	struct scenario_report r = {0};
	struct err e = {0};
	bool ok;

	if (!scenario_play(s, &a->kit, env, &r, &e))
		return sim_fail(&e) == SIM_EXIT_USAGE ? SIM_EXIT_USAGE : EXIT_UNPLAYED;
	make_printable(r.evidence);
	ok = a->json
		 ? print_json(s, &r)
		 : printf("%-22s %-14s %s\n", s->name, scenario_word(r.result), r.evidence) >= 0;
	if (r.result == RESULT_BROKEN)
		return EXIT_BROKEN;
	return ok && fflush(stdout) == 0 && r.result == RESULT_HELD ? 0 : EXIT_UNPLAYED;
}

/* The graver of two exit codes: 2 says that nothing can be said, then 1, then 3. */
static int
graver(int a, int b)
{
	static const int grave[] = {0, 2, 3, 1};

	return grave[a] > grave[b] ? a : b;
}

static int
play(const struct attack *a, struct env *env)
{
	const struct scenario *s;
	int rc = 0;

	for (size_t n = 0; n < a->n_names; n++) {
		if (strcmp(a->names[n], "all") != 0) {
			rc = graver(rc, play_one(a, scenario_find(a->names[n]), env));
			continue;
		}
		for (size_t i = 0; (s = scenario_at(i)) != NULL; i++)
			rc = graver(rc, play_one(a, s, env));
	}
	return rc;
}

int
sim_run_attack(int argc, char **argv)
{
	struct attack a = {.kit = {.repo = "example/service",
			       .tag = "v0.1.3",
			       .network = "forge-1",
			       .vm = "vm1",
			       .app = "attack",
			       .domain = "apps.example",
			       .claims = "{\"vm_image_id\":\"image-1\",\"sealed\":true}"}};
	struct err e = {0};
	struct env env;
	int rc;

	if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
		return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? 0 : EXIT_UNPLAYED;
	env_init(&env, LOG_ERROR);
	buf_init(&a.token, 4097);
	if (!take(&a, argc, argv, &e) || (!a.list && !check(&a, &e))) {
		(void)sim_fail(&e);
		rc = SIM_EXIT_USAGE; /* whatever was wrong with it: nothing has been played */
	} else {
		rc = a.list ? list(&a) : play(&a, &env);
	}
	buf_fini(&a.token);
	return rc;
}
