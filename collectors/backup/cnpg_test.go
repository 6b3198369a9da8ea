package backup

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/pages"
)

// exporter serves pages of metrics that a test can change.
type exporter struct {
	mu     sync.Mutex
	texts  map[string]string
	config pages.Config
}

// export serves texts, each on a page of its own.
func export(t *testing.T, texts ...string) *exporter {
	t.Helper()
	e := &exporter{texts: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		text, there := e.texts[r.URL.Path]
		if !there {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	for i, text := range texts {
		path := "/" + string(rune('a'+i))
		e.texts[path] = text
		e.config.URLs = append(e.config.URLs, server.URL+path+"?token=CANARY-token")
	}
	return e
}

// show changes the first page.
func (e *exporter) show(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts["/a"] = text
}

func recording(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// with gives a series of a page another value; without one it takes the series away.
func with(t *testing.T, text, series, value string) string {
	t.Helper()
	at := strings.Index(text, "\n"+series+" ")
	require.Positive(t, at, series)
	line, rest, _ := strings.Cut(text[at+1:], "\n")
	require.NotEmpty(t, line)
	if value != "" {
		rest = series + " " + value + "\n" + rest
	}
	return text[:at+1] + rest
}

// shownNow is a minute and a half after testdata/cnpg/primary.txt was recorded.
var shownNow = time.Unix(1795343310, 0).UTC()

func cnpgPlace(t *testing.T, e *exporter) *Place {
	t.Helper()
	return place(t, Config{CNPG: &CNPG{Postgres: "pg1", Page: e.config}}, options(t, north, south))
}

func TestCNPG(t *testing.T) {
	primary, standby, plugin := recording(t, "cnpg/primary.txt"), recording(t, "cnpg/standby.txt"), recording(t, "cnpg/plugin.txt")
	answered := standby + plugin[strings.Index(plugin, "# HELP barman_"):strings.Index(plugin, "# HELP cnpg_")]
	for name, c := range map[string]struct {
		golden string
		texts  []string
		where  map[string]string
	}{
		"the primary alone":           {"primary", []string{primary}, nil},
		"the primary and a standby":   {"primary", []string{primary, standby}, nil},
		"a standby first":             {"primary", []string{standby, standby, primary}, nil},
		"backups by the plugin":       {"plugin", []string{plugin}, nil},
		"it answers only the standby": {"plugin", []string{recording(t, "cnpg/unplugged.txt"), answered}, nil},
		"after a failover, federated": {"primary", []string{recording(t, "cnpg/federate.txt")}, map[string]string{"namespace": "odoo"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := export(t, c.texts...)
			e.config.Where = c.where
			golden(t, "cnpg/"+c.golden, visited(t, cnpgPlace(t, e), shownNow))
		})
	}
}

// TestCNPGWithoutItsPlugin has the plugin end between two visits: the first page after that shows no
// error of it yet, and old backups.
func TestCNPGWithoutItsPlugin(t *testing.T) {
	e := export(t, recording(t, "cnpg/plugin.txt"))
	p := cnpgPlace(t, e)
	visited(t, p, shownNow)
	for _, name := range []string{"cnpg/unplugged-first.txt", "cnpg/unplugged.txt"} {
		e.show(recording(t, name))
		_, err := visit(t, p, p.Visit().Key, shownNow.Add(5*time.Minute))
		require.Equal(t, collectors.ReasonUnreachable, collectors.ReasonOf(err), "%v", err)
	}
	e.show(recording(t, "cnpg/plugin.txt"))
	golden(t, "cnpg/plugin", visited(t, p, shownNow))
}

// TestCNPGFailures has a backup by the plugin fail, of which CloudNativePG notes the end a second
// later, and which the plugin does not note where it had not begun.
func TestCNPGFailures(t *testing.T) {
	const failed = "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp"
	plugin := recording(t, "cnpg/plugin.txt")
	for name, c := range map[string]struct {
		text string
		want float64
	}{
		"both":               {plugin, 1795312801},
		"CloudNativePG only": {with(t, plugin, failed, "0"), 1795312801},
		"the plugin only":    {with(t, plugin, "cnpg_collector_last_failed_backup_timestamp", "0"), 1795312800},
		"of an empty store":  {recording(t, "cnpg/never.txt"), 1795312801},
	} {
		t.Run(name, func(t *testing.T) {
			batch := visited(t, cnpgPlace(t, export(t, c.text)), shownNow)
			require.Equal(t, c.want, figure(batch, `backup_last_attempt_timestamp_seconds{tenant="north"}`))
			require.Zero(t, figure(batch, `backup_last_attempt_success{tenant="north"}`))
		})
	}
}

const (
	available       = "cnpg_collector_last_available_backup_timestamp"
	pluginAvailable = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
)

func TestCNPGThatDoesNotSay(t *testing.T) {
	primary, federate := recording(t, "cnpg/primary.txt"), recording(t, "cnpg/federate.txt")
	never := with(t, primary, available, "0")
	for name, c := range map[string]struct {
		text   string
		reason collectors.Reason
	}{
		"a standby":                  {recording(t, "cnpg/standby.txt"), collectors.ReasonMissing},
		"a primary that is down":     {with(t, never, `cnpg_collector_up{cluster="odoo"}`, "0"), collectors.ReasonUnreachable},
		"a primary in error":         {with(t, never, "cnpg_collector_last_collection_error", "1"), collectors.ReasonUnreachable},
		"down, and in error":         {with(t, recording(t, "cnpg/down.txt"), available, "0"), collectors.ReasonUnreachable},
		"which is the primary":       {with(t, never, "cnpg_pg_replication_in_recovery", ""), collectors.ReasonMissing},
		"it has just begun":          {recording(t, "cnpg/begun.txt"), collectors.ReasonUnreachable},
		"the plugin does not answer": {recording(t, "cnpg/unplugged.txt"), collectors.ReasonUnreachable},
		"several clusters":           {federate, collectors.ReasonProtocol},
		"another program":            {"# TYPE go_goroutines gauge\ngo_goroutines 12\n", collectors.ReasonMissing},
		"cut in the middle":          {primary[:len(primary)/2], collectors.ReasonProtocol},
		"cut behind a digit":         {strings.TrimSuffix(primary, "0\n"), collectors.ReasonProtocol},
		"no page of metrics":         {"<html>CANARY</html>\n", collectors.ReasonProtocol},
		"a value that is a number":   {with(t, primary, available, "CANARY"), collectors.ReasonProtocol},
		"too long ago":               {strings.ReplaceAll(federate, " 1795343306", " 1795342306"), collectors.ReasonMissing},
	} {
		t.Run(name, func(t *testing.T) {
			p := cnpgPlace(t, export(t, c.text))
			batch, err := visit(t, p, p.Visit().Key, shownNow)
			require.Error(t, err)
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error()+page(batch), "CANARY")
			require.Equal(t, []string{"backup_place_unreadable"}, names(batch))
		})
	}
}

func TestCNPGWithoutABackup(t *testing.T) {
	primary, plugin := recording(t, "cnpg/primary.txt"), recording(t, "cnpg/plugin.txt")
	for name, c := range map[string]struct {
		text string
		says string
	}{
		"never":           {with(t, primary, available, "0"), "There is no backup of the tenant in nightly."},
		"not a number":    {with(t, primary, available, "NaN"), ""}, // then it is not shown at all
		"failed for ever": {with(t, with(t, plugin, pluginAvailable, "0"), available, "0"), "There is no good backup of the tenant in nightly: the newest attempt failed."},
		"in the future":   {with(t, primary, available, "1.8e+09"), "There is no good backup of the tenant in nightly: the newest attempt is dated in the future, which proves nothing about its age."},
	} {
		t.Run(name, func(t *testing.T) {
			p := cnpgPlace(t, export(t, c.text))
			batch, err := visit(t, p, p.Visit().Key, shownNow)
			if c.says == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{"north/backup_missing", "south/backup_missing"}, names(batch))
			require.Equal(t, c.says, batch.Findings[0].Text)
			require.NotContains(t, page(batch), "backup_recovery_point")
			require.NotContains(t, page(batch), "backup_oldest")
		})
	}
}

// point is the recovery point of a tenant, in seconds since 1970; 0 where it has none.
func point(b *collectors.Batch, tenant string) float64 {
	return figure(b, `backup_recovery_point_timestamp_seconds{tenant="`+tenant+`"}`)
}

// figure is the value of a series; 0 where it is not there.
func figure(b *collectors.Batch, series string) float64 {
	_, rest, _ := strings.Cut(page(b), series+" ")
	text, _, _ := strings.Cut(rest, "\n")
	value, _ := strconv.ParseFloat(text, 64)
	return value
}

func TestCNPGArchive(t *testing.T) {
	const ready, archived = `cnpg_collector_pg_wal_archive_status{value="ready"}`, "cnpg_pg_stat_archiver_last_archived_time"
	text := recording(t, "cnpg/primary.txt")
	e := export(t, with(t, text, ready, "7"))
	p := cnpgPlace(t, e)
	batch := visited(t, p, shownNow)
	require.Equal(t, 1795312800., point(batch, "north"), "WAL waits, and nobody knows since when")
	require.Contains(t, page(batch), `indicator="wal_archived"`)

	e.show(with(t, text, ready, ""))
	require.Equal(t, 1795312800., point(visited(t, p, shownNow), "north"), "nobody knows how much waits")
	e.show(text)
	require.Equal(t, 1795343185.319, point(visited(t, p, shownNow), "north"))

	later := with(t, text, archived, "1795343900")
	e.show(with(t, later, ready, "2"))
	require.Equal(t, 1795343185.319, point(visited(t, p, shownNow.Add(10*time.Minute)), "north"), "what was archived now is older than that")
	e.show(with(t, later, ready, "1"))
	require.Equal(t, 1795343900., point(visited(t, p, shownNow.Add(10*time.Minute)), "north"))
	e.show(with(t, text, archived, "-1"))
	require.Equal(t, 1795343900., point(visited(t, p, shownNow.Add(10*time.Minute)), "north"), "the next primary has archived nothing yet")
	e.show(with(t, text, archived, "1.8e+09"))
	require.Equal(t, 1795312800., point(visited(t, p, shownNow.Add(10*time.Minute)), "north"), "in the future, which proves nothing")
}

func TestPagesThatAreSilent(t *testing.T) {
	e := export(t, recording(t, "cnpg/primary.txt"), recording(t, "cnpg/standby.txt"))
	delete(e.texts, "/b")
	batch := visited(t, cnpgPlace(t, e), shownNow)
	require.Equal(t, 1795343185.319, point(batch, "north"))
	require.Contains(t, page(batch), `indicator="instance",reason="protocol"`)
	require.NotContains(t, page(batch), "CANARY")

	e = export(t, "", recording(t, "cnpg/standby.txt"))
	delete(e.texts, "/a")
	p := cnpgPlace(t, e)
	_, err := visit(t, p, p.Visit().Key, shownNow)
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err), "the primary's page is the silent one: %v", err)

	gone := httptest.NewServer(http.NotFoundHandler())
	e.config.URLs = []string{gone.URL + "/CANARY-path?CANARY"}
	gone.Close()
	p = cnpgPlace(t, e)
	_, err = visit(t, p, p.Visit().Key, shownNow)
	require.Equal(t, collectors.ReasonUnreachable, collectors.ReasonOf(err))
	require.NotContains(t, err.Error(), "?CANARY")
}

// TestSilencePageByPage has one page that hangs and one that answers: the visit does not wait for the
// first to its end.
func TestSilencePageByPage(t *testing.T) {
	e := export(t, recording(t, "cnpg/primary.txt"))
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	r, err := pages.New(pages.Config{URLs: append(e.config.URLs, server.URL)}, 400*time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	samples, silent, err := r.Read(t.Context(), shownNow, cnpgNames)
	require.NoError(t, err)
	require.NotEmpty(t, samples)
	require.Len(t, silent, 1)
	require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(silent[0]))
}
