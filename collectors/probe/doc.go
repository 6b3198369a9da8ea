// Package probe does for each tenant what its people do: it asks for the portal, the booking page
// or the partners' API in several steps, and says whether that works, how long each phase took and
// how long the certificate that was shown is valid.
//
//	[]Config -> New -> Target: templates, one client, one budget
//	Target.Visits: tenants x probes, each on its own interval -> Run
//	Run.Collect: step -> request filled in -> exchange -> judged -> values for the next step
//
// A probe that fails is no failed visit: it is what the visit found. Names are blackbox_exporter's
// wherever they say what the value is, with the labels probe and step added. What is sent and what
// comes back stays within the visit: pages, tokens, cookies and URLs are never shown.
package probe
