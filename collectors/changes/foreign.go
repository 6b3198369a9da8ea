package changes

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// repository is where GitHub's and GitLab's events come from.
type repository struct {
	FullName string `json:"full_name"`           // GitHub
	Path     string `json:"path_with_namespace"` // GitLab
}

// github reads deployment_status and workflow_run. The name of the event is in a header that is not
// signed, so it is told by what is in the body.
func github(who *sender, header http.Header, body []byte) (*event, error) {
	var sent struct {
		Action     string     `json:"action"`
		Repository repository `json:"repository"`
		Status     *struct {
			State     string `json:"state"`
			CreatedAt moment `json:"created_at"`
		} `json:"deployment_status"`
		Deployment *struct {
			ID          int64  `json:"id"`
			SHA         string `json:"sha"`
			Ref         string `json:"ref"`
			Environment string `json:"environment"`
			CreatedAt   moment `json:"created_at"`
		} `json:"deployment"`
		Run *workflowRun `json:"workflow_run"`
	}
	switch header.Get("X-GitHub-Event") {
	case "deployment_status", "workflow_run":
	case "":
		return nil, &Fault{http.StatusBadRequest, "event", "", "X-GitHub-Event is missing", "have GitHub send deployment_status and workflow_run events"}
	default:
		return nil, nil // ping and what else a hook may be set to
	}
	if err := decode(body, &sent); err != nil {
		return nil, err
	}
	if sent.Status == nil || sent.Deployment == nil {
		return sent.Run.event(who, sent.Action, sent.Repository.FullName)
	}
	outcome := map[string]Outcome{
		"queued": Started, "pending": Started, "in_progress": Started, "success": Succeeded, "failure": Failed, "error": Failed,
	}[sent.Status.State]
	if outcome == "" {
		return nil, nil // inactive: another one took its place
	}
	d := sent.Deployment
	if d.ID == 0 || d.CreatedAt.IsZero() || sent.Status.CreatedAt.IsZero() {
		return nil, missing("deployment.id", "deployment.created_at", "deployment_status.created_at")
	}
	return &event{
		id: "deployment " + sent.Repository.FullName + " " + strconv.FormatInt(d.ID, 10),
		Change: Change{
			Kind: "deployment", Subject: technical(sent.Repository.FullName), Stream: digest(who.Name, sent.Repository.FullName, d.Environment),
			Revision: released(d.Ref, d.SHA), Started: d.CreatedAt.Time, Finished: sent.Status.CreatedAt.Time, Outcome: outcome,
		},
		facts: map[string]string{"environment": d.Environment, "repository": sent.Repository.FullName, "branch": d.Ref},
	}, nil
}

type workflowRun struct {
	ID         int64  `json:"id"`
	Attempt    int64  `json:"run_attempt"`
	Name       string `json:"name"`
	Branch     string `json:"head_branch"`
	SHA        string `json:"head_sha"`
	Conclusion string `json:"conclusion"`
	URL        string `json:"html_url"`
	Started    moment `json:"run_started_at"`
	Created    moment `json:"created_at"`
	Updated    moment `json:"updated_at"`
}

func (r *workflowRun) event(who *sender, action, repository string) (*event, error) {
	if r == nil || r.ID == 0 || r.Created.IsZero() {
		return nil, missing("deployment_status", "workflow_run")
	}
	outcome := Started
	if action == "completed" {
		outcome = map[string]Outcome{
			"success": Succeeded, "failure": Failed, "timed_out": Failed, "startup_failure": Failed, "cancelled": Cancelled,
		}[r.Conclusion]
	}
	if outcome == "" {
		return nil, nil // skipped, neutral, stale: nothing was done
	}
	started := r.Started.Time
	if started.IsZero() {
		started = r.Created.Time
	}
	return &event{
		id: "run " + repository + " " + strconv.FormatInt(r.ID, 10) + " " + strconv.FormatInt(max(1, r.Attempt), 10),
		Change: Change{
			Kind: "pipeline", Subject: technical(repository), Stream: digest(who.Name, repository, "run", r.Name), Revision: released(r.Branch, r.SHA),
			Started: started, Finished: r.Updated.Time, Outcome: outcome, Link: link(r.URL),
		},
		facts: map[string]string{"workflow": r.Name, "repository": repository, "branch": r.Branch},
	}, nil
}

// released is the version where a tag that is one was released, else the commit.
func released(ref, sha string) string {
	if tag := strings.TrimPrefix(ref, "refs/tags/"); version.MatchString(tag) {
		return revision(tag)
	}
	return revision(sha)
}

// gitlab reads deployment and pipeline events.
func gitlab(who *sender, _ http.Header, body []byte) (*event, error) {
	var sent struct {
		Kind        string     `json:"object_kind"`
		Project     repository `json:"project"`
		Status      string     `json:"status"`
		ChangedAt   moment     `json:"status_changed_at"`
		ID          int64      `json:"deployment_id"`
		URL         string     `json:"deployable_url"`
		Environment string     `json:"environment"`
		SHA         string     `json:"short_sha"`
		Ref         string     `json:"ref"`
		Pipeline    struct {
			ID       int64  `json:"id"`
			Status   string `json:"status"`
			Ref      string `json:"ref"`
			SHA      string `json:"sha"`
			URL      string `json:"url"`
			Created  moment `json:"created_at"`
			Finished moment `json:"finished_at"`
		} `json:"object_attributes"`
	}
	// Other kinds write other things under these names, so the kind is read alone first.
	if err := decode(body, &struct {
		Kind *string `json:"object_kind"`
	}{&sent.Kind}); err != nil {
		return nil, err
	}
	if sent.Kind != "deployment" && sent.Kind != "pipeline" {
		return nil, nil
	}
	if err := decode(body, &sent); err != nil {
		return nil, err
	}
	project := sent.Project.Path
	e := &event{facts: map[string]string{"environment": sent.Environment, "repository": project, "branch": sent.Ref}}
	e.Kind, e.Subject = sent.Kind, technical(project)
	e.Outcome, e.Started, e.Finished = gitlabOutcomes[sent.Status], sent.ChangedAt.Time, sent.ChangedAt.Time
	e.id, e.Stream = "deployment "+project+" "+strconv.FormatInt(sent.ID, 10), digest(who.Name, project, sent.Environment)
	e.Revision, e.Link = released(sent.Ref, sent.SHA), link(sent.URL)
	if p := sent.Pipeline; sent.Kind == "pipeline" {
		sent.ID = p.ID
		e.facts["branch"] = p.Ref
		e.Outcome, e.Started, e.Finished = gitlabOutcomes[p.Status], p.Created.Time, p.Finished.Time
		e.id, e.Stream = "pipeline "+project+" "+strconv.FormatInt(p.ID, 10), digest(who.Name, project, "pipeline")
		e.Revision, e.Link = released(p.Ref, p.SHA), link(p.URL)
	}
	switch {
	case e.Outcome == "":
		return nil, nil // created, waiting, manual, skipped: nothing is done
	case sent.ID == 0 || e.Started.IsZero():
		return nil, missing("deployment_id", "status_changed_at", "object_attributes.id", "object_attributes.created_at")
	}
	return e, nil
}

var gitlabOutcomes = map[string]Outcome{"running": Started, "success": Succeeded, "failed": Failed, "canceled": Cancelled}

// argocd reads what our template sends.
func argocd(who *sender, _ http.Header, body []byte) (*event, error) {
	var sent struct {
		Application string `json:"application"`
		Home        string `json:"namespace"` // of the application object
		Project     string `json:"project"`
		Destination string `json:"destination"`
		Phase       string `json:"phase"`
		Revision    string `json:"revision"`
		Started     moment `json:"started"`
		Finished    moment `json:"finished"`
	}
	if err := decode(body, &sent); err != nil {
		return nil, err
	}
	outcome := map[string]Outcome{
		"Running": Started, "Succeeded": Succeeded, "Failed": Failed, "Error": Failed, "Terminating": Started,
	}[sent.Phase]
	switch {
	case outcome == "":
		return nil, nil
	case sent.Application == "" || sent.Started.IsZero():
		return nil, missing("application", "started")
	}
	return &event{
		id: sent.Home + "/" + sent.Application + " " + sent.Started.UTC().Format(time.RFC3339),
		Change: Change{
			Kind: "deployment", Subject: technical(sent.Application), Stream: digest(who.Name, sent.Home, sent.Application),
			Revision: revision(sent.Revision), Started: sent.Started.Time, Finished: sent.Finished.Time, Outcome: outcome,
		},
		facts: map[string]string{"application": sent.Application, "namespace": sent.Destination, "project": sent.Project},
	}, nil
}

// deployers are the objects of Flux that change something; sources only fetch.
var deployers = []string{"HelmRelease", "Kustomization"}

// flux reads an event of the notification-controller. It has no id: a change is what an object does
// with one revision.
func flux(who *sender, _ http.Header, body []byte) (*event, error) {
	var sent struct {
		Object struct {
			Kind      string `json:"kind"`
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"involvedObject"`
		Severity  string            `json:"severity"`
		Reason    string            `json:"reason"`
		Timestamp moment            `json:"timestamp"`
		Metadata  map[string]string `json:"metadata"`
	}
	if err := decode(body, &sent); err != nil {
		return nil, err
	}
	outcome, full := fluxOutcome(sent.Reason, sent.Severity), fluxRevision(sent.Metadata)
	switch {
	case !slices.Contains(deployers, sent.Object.Kind) || outcome == "" || full == "":
		return nil, nil
	case sent.Object.Name == "" || sent.Timestamp.IsZero():
		return nil, missing("involvedObject.name", "timestamp")
	}
	object := sent.Object.Kind + " " + sent.Object.Namespace + "/" + sent.Object.Name
	return &event{
		id: object + " " + full, again: true,
		Change: Change{
			Kind: "deployment", Subject: technical(sent.Object.Name), Stream: digest(who.Name, object), Revision: revision(full),
			Started: sent.Timestamp.Time, Finished: sent.Timestamp.Time, Outcome: outcome,
		},
		facts: map[string]string{"application": sent.Object.Name, "namespace": sent.Object.Namespace, "kind": sent.Object.Kind},
	}, nil
}

// fluxOutcome reads a reason: DoneSucceeded, DoneFailed, or Progressing. A dependency that is not
// ready yet only delays.
func fluxOutcome(reason, severity string) Outcome {
	switch {
	case reason == "RollbackSucceeded":
		return RolledBack
	case reason == "Progressing":
		return Started
	case reason == "DependencyNotReady", strings.HasPrefix(reason, "Test"), strings.HasPrefix(reason, "Uninstall"):
		return ""
	case strings.HasSuffix(reason, "Succeeded"):
		return Succeeded
	case severity == "error" || strings.HasSuffix(reason, "Failed"):
		return Failed
	}
	return ""
}

// fluxRevision is the revision that an event is about, under its key with or without the
// controller's group.
func fluxRevision(metadata map[string]string) string {
	for _, key := range []string{"originRevision", "revision"} {
		for _, group := range []string{"", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "event.toolkit.fluxcd.io/"} {
			if r := metadata[group+key]; r != "" {
				return r
			}
		}
	}
	return ""
}
