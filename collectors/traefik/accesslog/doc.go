// Package accesslog reads Traefik's access log for what people and partners do with each tenant's
// Odoo: workflow by workflow, how requests ended and how long they took. Metrics of Traefik cannot
// tell: their labels are routers, and their default buckets know neither one second nor two.
//
// The data's way, once per round:
//
//	Reader.Collect -> package logtail (what is new) -> parser (json.go, common.go) -> rules: workflow
//	  and outcome -> tally: whose, and how long -> report.go -> collectors.Builder
//	                  \-> habits: how many requests are usual in this hour of the week
//
// Workflows and outcomes are data: workflows.yaml and outcomes.yaml, before which the operator puts
// entries of their own. An outcome's verdict says whether the tenant was served. A request by which
// it was not stands above every bound of the histogram, however soon the error came: a promise
// about speed is not kept by failing fast.
//
// A line costs less than two microseconds and no memory. JSON is read by a scanner of its own,
// which checks all of a line as strictly as encoding/json and keeps of it a dozen fields. What is no
// request is counted by reason and left out of everything else.
//
// Series appear when something happened. They begin with 0 and show what it was one round later:
// whoever follows a counter cannot know the growth of one that begins with 5, and the first failure
// of a quiet day is the one that counts.
//
// Of a request nothing leaves this package but its tenant, its workflow, its outcome, the names of
// router and service, and how long it took. Paths are compared with patterns, a query is cut off
// unread, and the fields that name clients and users are never looked at.
package accesslog
