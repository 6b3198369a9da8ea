// Package changes remembers what changed, when, by which system, on which tenants and with what
// outcome, so that whoever is woken by an alert reads first what was done before it.
//
// The way of the data:
//
//	webhook -> Handler (who sent it, how much, how often) -> a reader per sender's format -> event
//	event -> rules (which tenants) -> journal (one line, on disk) -> Query, Suspect, series
//	visits -> Seen: what differs from the value known before -> the same journal
//	databases -> Came, Went: discovered tenants that came or went with theirs -> the same journal
//	/metrics of Argo CD or Flux -> Endpoint -> state and drift of each application -> series
//
// The journal is an append-only file of JSON lines in the storage directory, its index is in
// memory. The same event twice changes nothing: a change has an identity, its outcomes an order,
// and what is older than the journal reaches is refused. So there is no list of event ids to keep,
// and none to run out of.
//
// Formats that are read:
//
//   - generic: {"id", "kind", "tenants" or "pattern" or "scope":"all", "revision", "system",
//     "started", "finished", "outcome", "link"}, nothing else; see Event.
//   - github: deployment_status and workflow_run, signed with X-Hub-Signature-256 or with a bearer
//     token.
//   - gitlab: deployment and pipeline events, with X-Gitlab-Token.
//   - argocd: what the template in testdata/argocd-notifications.yaml sends, with a bearer token.
//   - flux: events of the notification-controller, of provider type generic with a bearer token or
//     generic-hmac with X-Signature.
//
// Nothing that a person wrote is kept: no title, message, branch or actor. Names of foreign
// objects pass an allow-list of shapes, and tenants are only those that are known.
package changes
