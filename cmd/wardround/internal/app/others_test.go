package app_test

import (
	"fmt"
	"net/http"
	"text/template"
)

// others answers as Argo CD, kube-state-metrics and a kubelet with its cAdvisor do: of the patient who is ill, whose
// share of the cluster is used up while it is broken, and of one who is well.
func (w *hospital) others(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Type", "text/plain; version=0.0.4")
	sync, ill, calm := "Synced", spareShare, spareShare
	if w.broken.Load() {
		sync, ill = "OutOfSync", fullShare
	}
	ill.Tenant, calm.Tenant = w.tenant("ill"), w.tenant("calm")
	var err error
	switch r.URL.Path {
	case "/argo":
		_, err = fmt.Fprintf(out, "# TYPE argocd_app_info gauge\nargocd_app_info{name=\"clinic\",namespace=\"argocd\",project=\"p\",dest_namespace=\"odoo-%s\",sync_status=%q,health_status=\"Healthy\"} 1\n", ill.Tenant, sync)
	case "/kube-state-metrics":
		err = kubeStateMetrics.Execute(out, []share{ill, calm})
	case "/kubelet":
		err = kubeletMetrics.Execute(out, []share{ill, calm})
	default:
		http.NotFound(out, r)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // whoever asked has gone
	}
}

// share is what a tenant has of a Kubernetes cluster: 20 pods, and for one of them 2 GB of memory and a volume of 10 GB.
type share struct {
	Tenant               string
	Ready, Unready, Pods int
	Memory, Volume       float64 // used, in bytes
}

var (
	spareShare = share{Ready: 1, Pods: 4, Memory: 9e8, Volume: 3e9}
	fullShare  = share{Unready: 1, Pods: 19, Memory: 1.98e9, Volume: 9.1e9}
)

var kubeStateMetrics = template.Must(template.New("").Parse(`# TYPE kube_pod_status_phase gauge
{{range .}}kube_pod_status_phase{namespace="odoo-{{.Tenant}}",pod="web",uid="1",phase="Running"} 1
{{end}}# TYPE kube_pod_status_ready gauge
{{range .}}kube_pod_status_ready{namespace="odoo-{{.Tenant}}",pod="web",uid="1",condition="true"} {{.Ready}}
kube_pod_status_ready{namespace="odoo-{{.Tenant}}",pod="web",uid="1",condition="false"} {{.Unready}}
{{end}}# TYPE kube_resourcequota gauge
{{range .}}kube_resourcequota{namespace="odoo-{{.Tenant}}",resourcequota="share",resource="pods",type="hard"} 20
kube_resourcequota{namespace="odoo-{{.Tenant}}",resourcequota="share",resource="pods",type="used"} {{.Pods}}
{{end}}# TYPE kube_pod_container_resource_limits gauge
{{range .}}kube_pod_container_resource_limits{namespace="odoo-{{.Tenant}}",pod="web",uid="1",container="odoo",node="a",resource="memory",unit="byte"} 2e+09
{{end}}`))

var kubeletMetrics = template.Must(template.New("").Parse(`# TYPE container_memory_working_set_bytes gauge
{{range .}}container_memory_working_set_bytes{namespace="odoo-{{.Tenant}}",pod="web",container="odoo",id="/kubepods/a",image="odoo:18",name="a"} {{.Memory}}
{{end}}# TYPE kubelet_volume_stats_used_bytes gauge
{{range .}}kubelet_volume_stats_used_bytes{namespace="odoo-{{.Tenant}}",persistentvolumeclaim="filestore"} {{.Volume}}
{{end}}# TYPE kubelet_volume_stats_capacity_bytes gauge
{{range .}}kubelet_volume_stats_capacity_bytes{namespace="odoo-{{.Tenant}}",persistentvolumeclaim="filestore"} 1e+10
{{end}}`))
