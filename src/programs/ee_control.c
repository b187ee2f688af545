/* ee_control.c - the control plane's main: reads the settings and runs the server. */
#include "control/reload.h"
#include "control/server.h"
#include "os/config.h"

int
main(int argc, char **argv)
{
	struct settings s;
	struct env env;
	int rc = config_start_checked(PROGRAM_CONTROL, argc, argv, &s, &env, reload_check);

	if (rc < 0)
		rc = server_run(&s, &env);
	settings_fini(&s);
	return rc;
}
