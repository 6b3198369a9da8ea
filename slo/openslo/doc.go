// Package openslo reads and writes promises as OpenSLO documents, the
// vendor-neutral format for service level objectives.
//
// The way in, for openslo/v1, openslo/v1alpha and openslo.com/v2alpha:
//
//	File ─documents─> library (every object by kind and name)
//	SLO  ─references, queries, windows, alert policies─> slo.Objective
//	slo.Objective ─WriteNative─> our own YAML ─slo.ParseObjectives─> checked
//
// The way out is Write, which speaks openslo/v1. What OpenSLO has no word for
// stands in annotations below wardround.io/, so that what was written is read
// back the same; Annotations lists them, and they may be added by hand to
// documents from elsewhere.
//
// OpenSLO leaves much to its reader. Where it is read in one of several ways, or
// a document makes one of the mistakes that its own examples make, a Warning
// says so; where a promise cannot be kept as it is written, an error says what
// is needed. Both name file, line, column and the path within the document.
//
// What OpenSLO says of notification, and of alerts on missing data and on
// recovery, is left to Wardround's alerts and Alertmanager.
package openslo
