// Package alert decides which alerts stand and tells Alertmanager.
//
// The data passes through it in one direction:
//
//	[]Condition  what the evaluation of this tick says: holds, does not hold, or cannot be known
//	    Engine   adds the cluster of each tenant, writes the state to disk, reports transitions
//	    Book     remembers each alert and steps its state machine; folds what tenants of a cluster have in common
//	    Snapshot what stands now, and when it was evaluated
//	    Notifier one sender for each Alertmanager, each with the latest snapshot and its own pace
//	    HTTP     POST /api/v2/alerts
//
// Beside it, exclusions become silences, if that is asked for: SilenceOf, then Notifier.PublishSilences, then for each
// Alertmanager a silencer that reads what silences there are and makes, changes and ends ours.
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
// An edit of a catalogue may give an objective another owner or question, and a tenant may change its tier or cluster.
// Its alerts then go on under their new labels, with all that they were, and those of the old labels are resolved in the
// same step: one alert stands in Alertmanager, and nothing waits or begins anew.
//
// When nobody looked for more than five minutes, be it that the machine slept or its clock was set,
// what waits begins to wait anew, and what fires fires on.
//
// A fault that tenants of one cluster share is told once (Folding): an alert without tenant and tier, with scope
// "cluster", fires when at least five of them, and half of the cluster's, fire. Tenants' alerts that begin to fire from
// then on live on as ever, with folded_into and withheld, but Alertmanager is not told of them unless the folded one
// ends, when fewer than a quarter fire, and they still do. Those that it was told of before go on being told. Alerts
// that begin minutes apart are told one by one until the fold begins: let Alertmanager group by cluster and objective.
//
// Labels are made for inhibition: an alert carries severity and, for burn rates, long_window, and alerts of one
// objective and instance share objective, tenant and target. So in Alertmanager a page can silence the tickets,
// a fast pair the slower ones, and a cluster's alert those of its tenants that were told before (package rules writes
// all of them for the policies in use):
//
//	inhibit_rules:
//	  - source_matchers: [alertname="ErrorBudgetBurn", severity="page"]
//	    target_matchers: [alertname="ErrorBudgetBurn", severity=~"ticket|info"]
//	    equal: [objective, cluster, tenant, target]
//	  - source_matchers: [alertname="ErrorBudgetBurn", severity="page", long_window="1h"]
//	    target_matchers: [alertname="ErrorBudgetBurn", severity="page", long_window="6h"]
//	    equal: [objective, cluster, tenant, target]
//	  - source_matchers: [scope="cluster"]
//	    target_matchers: [tenant!=""]
//	    equal: [alertname, objective, severity, long_window, cluster]
package alert
