/* ee_sim.c - a TDX platform in software: own root CA, quotes, Intel's provisioning service and
 * GitHub's releases on loopback, so that the real daemons run on a machine without TDX. */
#include "base/hex.h"
#include "os/daemon.h"
#include "os/file.h"
#include "programs/ee_sim.h"
#include "sim/http.h"
#include "sim/state.h"
#include "wire/url.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BANNER                                                                                     \
	"ee-sim is a SIMULATION: its quotes prove nothing about any hardware. Trust its root\n"    \
	"(root_ca.pem in its state folder) only in demos and tests.\n"

int
sim_fail(const struct err *e)
{
	char token[ERR_TOKEN_MAX];

	fprintf(
	    stderr, "ee-sim: %s (%s)\n", e->shown[0] ? e->shown : e->detail, err_token(e, token));
	return e->code == ERR_USAGE ? SIM_EXIT_USAGE : 1;
}

/* -- export -- */

struct export
{
	const char *dir, *vm, *settings, *report_data;
};

static bool
write_part(const char *dir, const char *name, struct span bytes, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_USAGE, REASON_FILE_UNWRITABLE, "path too long");
	return file_write(path, bytes, 0644, e);
}

static bool
export_quote(struct sim *s, const struct export *x, int64_t now_s, struct buf *out, struct err *e)
{
	struct span name = span_str(x->vm);
	uint8_t report_data[SIM_REPORT_DATA_SIZE] = {0};

	if (x->report_data
	    && !hex_decode(span_str(x->report_data), report_data, sizeof report_data)) {
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "report data");
		return err_show(e, "--report-data takes 128 hex digits");
	}
	if ((x->settings || !sim_platform_find_vm(&s->platform, name))
	    && !sim_platform_put_vm(&s->platform, name, span_str(x->settings), now_s, e))
		return false;
	return sim_platform_quote(
	    &s->platform, sim_platform_find_vm(&s->platform, name), report_data, out, e);
}

/* Write what a verifier needs, as files: quote.bin, collateral.json, root_ca.pem. */
static bool
export_files(struct sim *s, const struct export *x, int64_t now_s, struct err *e)
{
	struct buf quote, bundle, root;
	bool ok;

	buf_init(&quote, 64u * 1024);
	buf_init(&bundle, 8u * 1024 * 1024);
	buf_init(&root, 16u * 1024);
	(void)mkdir(x->dir, 0755); /* it is there, or the first write says why not */
	ok = export_quote(s, x, now_s, &quote, e)
	     && sim_platform_bundle(&s->platform, now_s, &bundle, e)
	     && sim_pki_chain_pem(&s->platform.pki, SIM_ROOT, &root, e)
	     && write_part(x->dir, "quote.bin", buf_span(&quote), e)
	     && write_part(x->dir, "collateral.json", buf_span(&bundle), e)
	     && write_part(x->dir, "root_ca.pem", buf_span(&root), e);
	buf_fini(&quote);
	buf_fini(&bundle);
	buf_fini(&root);
	return ok;
}

/* Take export's own arguments out of argv; what is left are settings' flags. */
static bool
take_export(int *argc, char **argv, struct export *x)
{
	static const char *const flags[] = {"--vm", "--settings", "--report-data"};
	const char **values[] = {&x->vm, &x->settings, &x->report_data};
	int kept = 1;

	for (int i = 2; i < *argc; i++) {
		size_t f = 0;

		while (f < 3 && strcmp(argv[i], flags[f]) != 0)
			f++;
		if (f < 3 && i + 1 < *argc)
			*values[f] = argv[++i];
		else if (argv[i][0] != '-' && !x->dir)
			x->dir = argv[i];
		else
			argv[kept++] = argv[i];
	}
	*argc = kept;
	argv[kept] = NULL;
	return x->dir && x->vm;
}

static int
run_export(int argc, char **argv)
{
	struct export x = {0};
	struct settings settings;
	struct env env;
	struct sim sim = {0};
	struct err e = {0};
	uint8_t seed[SIM_SEED_SIZE];
	int64_t now_s;
	bool ok, given = take_export(&argc, argv, &x);
	int rc = config_start(PROGRAM_SIM, argc, argv, &settings, &env);

	if (rc < 0 && !given) {
		fputs("usage: ee-sim export DIR --vm NAME [--settings JSON] [--report-data HEX]\n",
		    stderr);
		rc = CONFIG_EXIT_USAGE;
	}
	if (rc < 0) {
		now_s = env_now_s(&env);
		ok = sim_state_open(settings.sim_state, &env, seed, &e)
		     && sim_init(&sim, seed, "http://127.0.0.1:8099", now_s, &e);
		if (ok)
			sim_state_replay(settings.sim_state, &sim, now_s, &env.log);
		ok = ok && export_files(&sim, &x, now_s, &e);
		sim_fini(&sim);
		rc = ok ? 0 : sim_fail(&e);
	}
	settings_fini(&settings);
	return rc;
}

/* -- the server -- */

static void
on_stop(struct net_loop *l, int signo, void *ctx)
{
	(void)signo;
	(void)ctx;
	net_loop_stop(l);
}

/* Whoever can reach the controls can publish releases and make machines: loopback, unless told. */
static bool
bind_is_allowed(const struct settings *s, struct err *e)
{
	struct host h = {0};

	if (strcmp(s->sim_expose, "yes") == 0 || strcmp(s->sim_bind, "::1") == 0
	    || (host_parse(&h, span_str(s->sim_bind), e) && host_is_loopback(&h)))
		return true;
	err_clear(e);
	err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_SIM_BIND");
	return err_show(e,
	    "EE_SIM_BIND=%s is not loopback: whoever reaches it commands the simulation. "
	    "EE_SIM_EXPOSE=yes allows it.",
	    s->sim_bind);
}

/* Where the simulator is reached: any address stands for loopback. */
static void
write_base_url(char dst[static 200], const char *address, uint16_t port)
{
	bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
	bool six = !any && strchr(address, ':') != NULL;

	snprintf(dst, 200, "http://%s%s%s:%u", six ? "[" : "", any ? "127.0.0.1" : address,
	    six ? "]" : "", (unsigned)port);
}

static bool
start(struct sim_http *http, const struct settings *s, struct http_server **server, struct err *e)
{
	const struct http_server_opts opts = {
	    .listen = {.address = s->sim_bind, .port = s->sim_port}, .server_name = "ee-sim"};
	uint8_t seed[SIM_SEED_SIZE];
	char url[200];
	int64_t now_s = env_now_s(http->env);

	if (!bind_is_allowed(s, e) || !sim_state_open(s->sim_state, http->env, seed, e)
	    || !net_loop_on_signal(http->loop, SIGTERM, on_stop, NULL, e)
	    || !net_loop_on_signal(http->loop, SIGINT, on_stop, NULL, e))
		return false;
	*server = http_server_open(http->loop, &opts, &sim_http_ops, http, e);
	if (!*server)
		return false;
	write_base_url(url, s->sim_bind, http_server_port(*server));
	if (!sim_init(http->sim, seed, url, now_s, e)
	    || !sim_state_write_root(s->sim_state, &http->sim->platform.pki, e))
		return false;
	sim_state_replay(s->sim_state, http->sim, now_s, &http->env->log);
	log_event(&http->env->log, LOG_WARN, "simulation", "note",
	    "a simulated TDX platform: its quotes prove nothing", "url", url, "state", s->sim_state,
	    NULL);
	return true;
}

static int
serve(const struct settings *s, struct env *env)
{
	struct sim sim = {0};
	struct sim_http http = {&sim, s->sim_state, env, NULL};
	struct http_server *server = NULL;
	struct err e = {0};
	int rc = 0;

	fputs(BANNER, stderr);
	daemon_prepare(&env->log);
	http.loop = net_loop_new(&e);
	if (http.loop && start(&http, s, &server, &e)) {
		daemon_notify("READY=1");
		net_loop_run(http.loop);
		daemon_notify("STOPPING=1");
		log_event(&env->log, LOG_INFO, "stopped", NULL);
	} else {
		rc = sim_fail(&e);
	}
	if (http.loop)
		net_loop_free(http.loop);
	sim_fini(&sim);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings settings;
	struct env env;
	int rc;

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return run_export(argc, argv);
	if (argc > 1 && strcmp(argv[1], "vectors") == 0)
		return sim_run_vectors(argc, argv);
	if (argc > 1 && strcmp(argv[1], "attack") == 0)
		return sim_run_attack(argc, argv);
	rc = config_start(PROGRAM_SIM, argc, argv, &settings, &env);
	if (rc < 0)
		rc = serve(&settings, &env);
	settings_fini(&settings);
	return rc;
}
