// Package scrape reads what others already measure: any Prometheus endpoint of the platform, such
// as kube-state-metrics, the kubelets with cAdvisor, node_exporter, Argo CD, Flux, MinIO,
// cert-manager, or a partner's own. Of each page it takes the families that the configuration
// names, keeps the labels that it names, says whose each series is, and passes over the rest.
//
//	Config -> New -> Scraper
//	Scraper.Collect: endpoints -> fetch -> parse -> page (what is selected, nothing else)
//	pages -> tenants, kept labels -> samples under their own names
//	pages -> rule sets (rules/*.yaml) -> kubernetes_* per tenant, findings
//
// A page is somebody else's text: its size, its series and the length of its label values are
// bounded, its help texts are not repeated, a family whose type is not what was declared is left
// out and counted, and a tenant is only one that the registry knows.
package scrape
