/* forecast.h - what Intel's early edition of the documents will make of the live fleet: the same walk
 * as rejudge.h, by collateral that is not in force yet. Changes no lease. Keeps a text only for
 * tunnels whose TCB will be worse. */
#ifndef CONTROL_FORECAST_H
#define CONTROL_FORECAST_H

#include "base/jcs.h"
#include "control/control.h"

struct tunnel;

/* Make a forecast in so many milliseconds, or sooner where one is due already. */
void forecast_want(struct control *c, uint64_t ms);

void forecast_close(struct control *c);

/* Write what is to come for an app's replicas as member `tcb_forecast`: an array, or null where no
 * forecast was made. */
void forecast_write(struct control *c, struct jw *w, const char *app_name);

#endif
