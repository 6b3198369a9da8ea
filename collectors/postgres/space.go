package postgres

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/wardround/wardround/collectors"
)

var (
	metricSize = gauge("pg_database_size_bytes", "bytes", "pg_database_size()",
		"Size of the database when it was last measured", "datname")
	metricSizeAt = gauge("pg_database_size_measured_timestamp_seconds", "seconds", "pg_database_size()",
		"When the database was last measured", "datname")
	metricGrowth = gauge("pg_database_growth_bytes_per_second", "", "pg_database_size()",
		"How fast the database grew within the window, the median of all slopes between measures", "datname", "window")
	metricQuota = gauge("pg_database_quota_bytes", "bytes", "configuration",
		"How large the tenant's database is to become at most", "datname")
	metricQuotaLeft = gauge("pg_database_quota_time_to_full_seconds", "seconds", "pg_database_size()",
		"How long the quota suffices at the present growth, at most ten years", "datname")
	metricSpaceDatabasesSize = gauge("pg_tablespace_databases_size_bytes", "bytes", "pg_database_size()",
		"Size of the databases of the tablespace; once all have been measured", "spcname")
	metricSpaceGrowth = gauge("pg_tablespace_growth_bytes_per_second", "", "pg_database_size()",
		"How fast the databases of the tablespace grew within the window", "spcname", "window")
	metricSpaceCapacity = gauge("pg_tablespace_capacity_bytes", "bytes", "configuration, or the file system where the server is on this machine",
		"How much there is room for", "spcname")
	metricSpaceFree = gauge("pg_tablespace_free_bytes", "bytes", "configuration, or the file system where the server is on this machine",
		"How much there is room for yet", "spcname")
	metricSpaceLeft = gauge("pg_tablespace_time_to_full_seconds", "seconds", "pg_database_size()",
		"How long the free space suffices at the present growth, at most ten years", "spcname")
)

func sizeMetrics() []*collectors.Metric {
	return []*collectors.Metric{
		metricSize, metricSizeAt, metricGrowth, metricQuota, metricQuotaLeft,
		metricSpaceDatabasesSize, metricSpaceGrowth, metricSpaceCapacity, metricSpaceFree, metricSpaceLeft,
	}
}

// When there is too little room to be at ease.
const (
	fillingUp     = 14 * 24 * time.Hour
	fillingUpSoon = 24 * time.Hour
)

// space is a tablespace as the sum of its databases. What a database keeps in another than its own
// counts here.
type space struct {
	bytes   int64
	growing rates
	whole   bool   // all of its databases have been measured
	path    string // of its files on the server
}

// tell tells what is known of databases and tablespaces.
func (w *walk) tell(r *round, listed table) {
	spaces := map[string]*space{}
	for line := range listed.each {
		path := line.text("location")
		if path == "" {
			path = line.text("directory")
		}
		spaces[line.text("spcname")] = &space{whole: true, path: path}
	}
	for _, m := range w.databases {
		s := spaces[m.space]
		if m.At.IsZero() {
			s.whole = false
			continue
		}
		growing := m.growing()
		s.bytes += m.Bytes
		s.growing.add(growing)
		w.tellDatabase(r, m, growing)
	}
	for _, name := range slices.Sorted(maps.Keys(spaces)) {
		if spaces[name].whole {
			w.tellSpace(r, name, spaces[name])
		}
	}
}

func (w *walk) tellDatabase(r *round, m *measured, growing rates) {
	tenant := r.tenant(m.Name)
	r.SetFor(tenant, metricSize, float64(m.Bytes), m.Name)
	r.SetFor(tenant, metricSizeAt, float64(m.At.UnixMilli())/1000, m.Name)
	for i, g := range growing {
		if g.known {
			r.SetFor(tenant, metricGrowth, g.rate, m.Name, spans[i].label)
		}
	}
	quota := w.cluster.config.Sizes.quota(tenant)
	if tenant == "" || quota == 0 {
		return
	}
	r.SetFor(tenant, metricQuota, float64(quota), m.Name)
	left, known := growing.timeTo(float64(quota - m.Bytes))
	if known || m.Bytes >= quota {
		r.SetFor(tenant, metricQuotaLeft, left.Seconds(), m.Name)
	}
	switch {
	case m.Bytes >= quota:
		r.Find(collectors.Finding{
			Tenant: tenant, Name: "quota_exceeded", Question: collectors.Contained, Severity: collectors.Warning,
			Text: fmt.Sprintf("database %s has %s, and is to have %s at most", m.Name, bytesText(m.Bytes), bytesText(quota)),
		})
	case known && left < fillingUp:
		r.Find(collectors.Finding{
			Tenant: tenant, Name: "quota_filling_up", Question: collectors.Contained, Severity: collectors.Info,
			Text: fmt.Sprintf("database %s has %s and reaches the %s that it is to have in %s, if it goes on growing like this",
				m.Name, bytesText(m.Bytes), bytesText(quota), daysText(left)),
		})
	}
}

func (w *walk) tellSpace(r *round, name string, s *space) {
	r.Set(metricSpaceDatabasesSize, float64(s.bytes), name)
	for i, g := range s.growing {
		if g.known {
			r.Set(metricSpaceGrowth, g.rate, name, spans[i].label)
		}
	}
	capacity, free, known := w.room(name, s)
	if !known {
		return
	}
	r.Set(metricSpaceCapacity, float64(capacity), name)
	r.Set(metricSpaceFree, float64(free), name)
	left, known := s.growing.timeTo(float64(free))
	if !known {
		return
	}
	r.Set(metricSpaceLeft, left.Seconds(), name)
	if severity, soon := filling(left); soon {
		r.Find(collectors.Finding{
			Name: "tablespace_filling_up", Question: collectors.Contained, Severity: severity,
			Text: fmt.Sprintf("tablespace %s has room for %s yet, which is enough for %s if its databases go on growing like this",
				name, bytesText(free), daysText(left)),
		})
	}
}

func filling(left time.Duration) (collectors.Severity, bool) {
	switch {
	case left < fillingUpSoon:
		return collectors.Critical, true
	case left < fillingUp:
		return collectors.Warning, true
	}
	return "", false
}

// room is how much there is room for in all and how much yet: as configured, else of the file
// system where the server is on this machine and says where its files are.
func (w *walk) room(name string, s *space) (capacity, free int64, known bool) {
	if configured, ok := w.cluster.config.Sizes.CapacityBytes[name]; ok {
		return configured, max(0, configured-s.bytes), true
	}
	if !w.cluster.config.local() || !filepath.IsAbs(s.path) {
		return 0, 0, false
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.path, &disk); err != nil {
		return 0, 0, false // not our file system after all, as with a server in a container
	}
	return int64(disk.Blocks) * disk.Bsize, int64(disk.Bavail) * disk.Bsize, true
}

// bytesText is a number of bytes as people read it.
func bytesText(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), -1
	for v >= 999.95 && unit < len(units)-1 {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, units[unit])
}

// daysText is a long duration as people read it.
func daysText(d time.Duration) string {
	if d < 2*24*time.Hour {
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
