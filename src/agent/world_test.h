/* world_test.h - what an agent meets, in one process, for its tests: a control plane, a simulated
 * platform and a backend behind one server. What the control plane does is the test's: a callback
 * for each message that comes. Only for tests. */
#ifndef AGENT_WORLD_TEST_H
#define AGENT_WORLD_TEST_H

#include "agent/agent.h"
#include "net/http_server.h"
#include "tunnel/h2_client.h"
#include "wire/message.h"

#define WORLD_LATER_MS 700

/* One server plays all that an agent meets: its control plane (/v1/tunnel), the simulated platform
 * (/sim/vm/...) and its backend (everything else). */
struct world {
	struct net_loop *loop;
	struct http_server *server;
	struct settings s;
	struct agent_config config;
	struct env env;
	struct agent *agent;
	struct ws_conn *ws; /* the control plane's end */
	struct h2_client *h2; /* its end of version 2, after world_admit_2 */
	struct net_defer flush;
	struct net_timer guard, later, tick;
	char state_dir[32];
	/* What came. */
	int registers, answers, healths, responses, tunnels, quotes, slow, probes;
	bool last_pass, stopped;
	int last_status;
	char last_error[64], last_body[64];
	uint8_t quoted[64]; /* report data of the last quote */
	uint16_t close_code;
	char log[32768];
	size_t log_n;
	/* What the control plane does when a message of the type came; may be NULL. */
	void (*on)(struct world *w, const struct msg *m);
	void (*on_tunnel)(struct world *w);
	bool fail_quotes;
	struct http_req *endless, *later_req;
	struct net_timer later_timer; /* answers /later after WORLD_LATER_MS */
	int served, sick;
	uint64_t random; /* what 64 random bits are */
	int ends; /* times that h2_end was echoed */
	size_t endless_n; /* bytes that went into /endless */
	int left; /* requests for /endless whose asker left */
	bool draining; /* the agent said GOAWAY */
};

/* Make a world whose agent dials when it runs, and stops without grace; name, where not NULL, is a
 * setting for it. */
void world_init(struct world *w, void (*on)(struct world *w, const struct msg *m), const char *name,
    const char *value);

/* Run until the agent has stopped; take the world down. */
void world_run(struct world *w);

/* Send a message as the control plane: any, a challenge, the word that it is attested, the same
 * with version 2 settled. */
void world_say(struct world *w, const char *text);
void world_challenge(struct world *w);
void world_admit(struct world *w);
void world_admit_2(struct world *w);

/* Stop the agent from the loop, so that no callback of a test ends its own agent. */
void world_finish(struct world *w);

#endif
