// Package alert decides which alerts stand and tells Alertmanager.
//
// The data passes through it in one direction:
//
//	[]Condition  what the evaluation of this tick says: holds, does not hold, or cannot be known
//	    Engine   remembers each alert, steps its state machine, writes the state to disk, reports transitions
//	    Snapshot what stands now, and when it was evaluated
//	    Notifier one sender for each Alertmanager, each with the latest snapshot and its own pace
//	    HTTP     POST /api/v2/alerts
//
// An alert is identified by its labels, which never carry numbers: Alertmanager, two replicas of this daemon, and
// rules evaluated by Prometheus agree on what is the same alert. Its life:
//
//	inactive -> pending   the condition holds, but not yet for its For
//	         -> firing    it held for its For; StartsAt is this instant and stays until it is resolved
//	firing   -> resolved  it no longer holds; EndsAt is this instant; forgotten after fifteen minutes
//
// A condition that cannot be known (too few minutes were measured) freezes its alert: it neither fires nor resolves.
// So does a condition that nobody reports any more, until Options.Forget has passed; then the alert is resolved
// because what it spoke of is gone. State is written before it is told, so that a restart neither resolves an alert
// nor tells it anew.
//
// Labels are made for inhibition: an alert carries severity and, for burn rates, long_window, and alerts of one
// objective and instance share objective, tenant and target. So in Alertmanager a page can silence the tickets
// and a fast pair the slower ones:
//
//	inhibit_rules:
//	  - source_matchers: [alertname="ErrorBudgetBurn", severity="page"]
//	    target_matchers: [alertname="ErrorBudgetBurn", severity=~"ticket|info"]
//	    equal: [objective, tenant, target]
//	  - source_matchers: [alertname="ErrorBudgetBurn", long_window="1h"]
//	    target_matchers: [alertname="ErrorBudgetBurn", long_window="6h"]
//	    equal: [objective, tenant, target]
package alert
