#include "core/names.h"

#include <string.h>

bool
names_check(const char *app_name, struct err *e)
{
	static const char *const reserved[] = {"account", "accounts", "admin", "api", "app-admin",
	    "auth", "autoconfig", "autodiscover", "broadcasthost", "console", "control",
	    "control-plane", "dashboard", "ftp", "health", "imap", "isatap", "localdomain",
	    "localhost", "login", "mail", "metrics", "mta-sts", "mx", "ns", "ns1", "ns2", "openapi",
	    "pop", "pop3", "postmaster", "proxy", "ready", "registry", "resolve", "root",
	    "security", "smtp", "sso", "status", "tunnel", "v1", "webmail", "wpad", "www"};

	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (strcmp(app_name, reserved[i]) == 0)
			return err_set(e, ERR_POLICY, REASON_APP_NAME_RESERVED, "%s", app_name);
	if (strlen(app_name) >= 4 && app_name[2] == '-' && app_name[3] == '-')
		return err_set(e, ERR_POLICY, REASON_APP_NAME_RESERVED,
		    "%.63s: hyphens in its third and fourth place", app_name);
	return true;
}
