package scrape

import (
	"slices"

	"github.com/wardround/wardround/collectors"
)

// How reading went: of the pages, and of the series on them.
var (
	metricUp = &collectors.Metric{
		Name: "wardround_scrape_up", Labels: []string{"endpoint"},
		Help: "Whether the endpoint gave a page that could be read", Source: "the endpoint",
	}
	metricDuration = &collectors.Metric{
		Name: "wardround_scrape_duration_seconds", Unit: "seconds", Labels: []string{"endpoint"},
		Help: "How long the endpoint took to give its page", Source: "the endpoint",
	}
	metricBytes = &collectors.Metric{
		Name: "wardround_scrape_page_bytes", Unit: "bytes", Labels: []string{"endpoint"},
		Help: "Size of the endpoint's page, decompressed", Source: "the endpoint",
	}
	metricRead = &collectors.Metric{
		Name: "wardround_scrape_read_series", Labels: []string{"endpoint"},
		Help: "Series on the endpoint's page, selected or not", Source: "the endpoint",
	}
	metricKept = &collectors.Metric{
		Name: "wardround_scrape_kept_series",
		Help: "Series that are served of the target under their own names", Source: "the endpoint",
	}
	metricSkipped = &collectors.Metric{
		Name: "wardround_scrape_skipped_series_total", Type: collectors.Counter, Labels: []string{"reason"},
		Help: "Selected series that were not served, at each visit, by reason", Source: "the endpoint",
	}
)

// Why a selected series is not served: the values of the label reason.
const (
	skipType      = "type"      // the family has another type than was declared, two types, or one that cannot be served
	skipName      = "name"      // a gauge called _total, or a name that is none of Prometheus' classic ones
	skipTaken     = "taken"     // the name is one of this daemon's own
	skipValue     = "value"     // not a number, or a counter below zero
	skipBuckets   = "buckets"   // a histogram whose buckets do not add up
	skipLabel     = "label"     // a label value that is too long or not text
	skipDuplicate = "duplicate" // alike another once labels are dropped
	skipStale     = "stale"     // measured more than ten minutes ago by its own timestamp, or as much ahead
	skipFamilies  = "families"  // more families than max_families
	skipSeries    = "series"    // more series than max_series
)

var skipReasons = []string{
	skipType, skipName, skipTaken, skipValue, skipBuckets, skipLabel, skipDuplicate, skipStale, skipFamilies, skipSeries,
}

// Metrics is the catalogue of what every target can bring: how reading went, and what the built-in
// rule sets derive. What a target brings under names of its own is in Scraper.Metrics.
func Metrics() collectors.Catalogue {
	all := collectors.Catalogue{metricUp, metricDuration, metricBytes, metricRead, metricKept, metricSkipped}
	for _, set := range ruleSets {
		for _, r := range set.rules {
			all = append(all, r.metric)
		}
	}
	return collectors.Merge(all)
}

// Metrics is the catalogue of the families that this target has brought, or was told to expect,
// under names of their own. It grows when a wildcard meets a new family, up to max_families. The
// names are others': they may have capitals.
func (s *Scraper) Metrics() collectors.Catalogue {
	s.declared.mu.Lock()
	defer s.declared.mu.Unlock()
	return collectors.Merge(slices.Clone(s.declared.list))
}
