package backup

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/pages"
	"github.com/wardround/wardround/collectors/collectortest"
)

func TestSuite(t *testing.T) {
	inBucket := func(fault func(http.ResponseWriter, *http.Request) bool) collectortest.Maker {
		return func(t *testing.T, _ *slog.Logger) collectors.Visit {
			b := startBucket(t)
			for _, name := range []string{"clinic_north", "clinic_south"} {
				b.put(t, name+".1.zip", odooZip(t, name, 2), now().Add(-time.Hour))
			}
			b.fault = fault
			v := place(t, Config{Keep: 1, Dumps: &Dumps{In: b.location(), Path: "{database}.*"}}, options(t, north, south)).Visit()
			v.Timeout = 2 * time.Second
			return v
		}
	}
	onPage := func(handler http.HandlerFunc) collectortest.Maker {
		return func(t *testing.T, _ *slog.Logger) collectors.Visit {
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			c := pages.Config{URLs: []string{server.URL + "/metrics?CANARY"}}
			v := place(t, Config{CNPG: &CNPG{Postgres: "pg1", Page: c}}, options(t, north)).Visit()
			v.Timeout = 500 * time.Millisecond
			return v
		}
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(), Canaries: []string{"CANARY"}, New: inBucket(nil),
		Want: []string{
			"backup_up", "backup_last_success_timestamp_seconds", "backup_last_success_size_bytes", "backup_kept", "backup_kept_wanted",
			"backup_last_attempt_timestamp_seconds", "backup_last_attempt_success", "backup_oldest_restorable_timestamp_seconds",
			"backup_recovery_point_timestamp_seconds", "backup_encrypted", "backup_bucket_versioning_enabled",
		},
		Broken: map[string]collectortest.Broken{
			"denying":      {New: inBucket(always(http.StatusForbidden, "AccessDenied")), Reason: collectors.ReasonPermission},
			"hanging":      {New: inBucket(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }), Reason: collectors.ReasonTimeout},
			"page denied":  {New: onPage(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), Reason: collectors.ReasonPermission},
			"page hanging": {New: onPage(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), Reason: collectors.ReasonTimeout},
			"tool hanging": {Reason: collectors.ReasonTimeout, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				v := pgBackRestPlace(t, PgBackRest{Command: program(t, "sleep 120")}).Visit()
				v.Timeout = 500 * time.Millisecond
				return v
			}},
			"tool missing": {Reason: collectors.ReasonMissing, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				v := pgBackRestPlace(t, PgBackRest{Command: []string{"/nowhere/pgbackrest"}}).Visit()
				v.Timeout = time.Second
				return v
			}},
		},
	})
}

func TestConfig(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"whole", `{name: a, dumps: {in: {folder: /srv}, path: "{tenant}.dump", zone: Europe/Paris}}`, ""},
		{"bucket", `{name: a, dumps: {in: {bucket: {endpoint: "https://s3:9000", bucket: backups, access_key_file: /a, secret_key_file: /b}}, regexp: "(?P<tenant>.*)"}}`, ""},
		{"nothing", `{}`, "name: is missing"},
		{"no kind", `{name: a}`, "there are 0"},
		{"two kinds", `{name: a, dumps: {in: {folder: /srv}, path: "{tenant}"}, barman: {postgres: p, server: s}}`, "there are 2"},
		{"own copy", `{name: a, copy_of: a, barman: {postgres: p, server: s}}`, "copy_of: names the place itself"},
		{"too often", `{name: a, interval: 1s, barman: {postgres: p, server: s}}`, "interval: is 1s"},
		{"option as stanza", `{name: a, pgbackrest: {postgres: p, stanza: "--x"}}`, "pgbackrest.stanza"},
		{"file and command", `{name: a, pgbackrest: {postgres: p, stanza: s, file: /f, command: [x]}}`, "pgbackrest.file"},
		{"no cluster", `{name: a, walg: {in: {folder: /srv}}}`, "walg.postgres"},
		{"folder and bucket", `{name: a, dumps: {in: {folder: /srv, bucket: {}}, path: "{tenant}"}}`, "dumps.in: needs a folder or a bucket"},
		{"endpoint", `{name: a, dumps: {in: {bucket: {endpoint: "s3:9000", bucket: backups}}, path: "{tenant}"}}`, "dumps.in.bucket.endpoint"},
		{"half a key", `{name: a, dumps: {in: {bucket: {endpoint: "https://s3", bucket: backups, access_key: k}}, path: "{tenant}"}}`, "dumps.in.bucket.access_key"},
		{"pattern of nobody", `{name: a, dumps: {in: {folder: /srv}, path: "*.dump"}}`, "dumps.path"},
		{"zone", `{name: a, dumps: {in: {folder: /srv}, path: "{tenant}", zone: Atlantis}}`, "dumps.zone"},
		{"filestore out of its folder", `{name: a, filestore: {in: {folder: /srv}, path: "../{tenant}"}}`, "filestore.path"},
		{"filestore in a bucket", `{name: a, filestore: {in: {bucket: {endpoint: "https://s3", bucket: backups}}, path: "{tenant}"}}`, "filestore.marker"},
		{"cnpg", `{name: a, cnpg: {postgres: p, page: {urls: ["https://odoo-rw:9187/metrics"], http: {tls_config: {ca_file: /ca}, authorization: {credentials_file: /token}}, where: {namespace: odoo}}}}`, ""},
		{"cnpg of no server", `{name: a, cnpg: {page: {urls: ["http://p"]}}}`, "cnpg.postgres"},
		{"cnpg without a page", `{name: a, cnpg: {postgres: p}}`, "cnpg.page.urls: is empty"},
		{"no URL", `{name: a, cnpg: {postgres: p, page: {urls: [odoo:9187]}}}`, "cnpg.page.urls[0]"},
		{"where", `{name: a, cnpg: {postgres: p, page: {urls: ["http://p"], where: {pod: "("}}}}`, "cnpg.page.where: pod: is no regular expression"},
		{"kept where nobody counts", `{name: a, keep: 3, cnpg: {postgres: p, page: {urls: ["http://p"]}}}`, "keep: cannot be checked"},
		{"velero", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, schedule: "odoo-{tenant}-*", databases: true}}`, ""},
		{"velero, all in one", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, schedule: nightly}}`, ""},
		{"velero, regexp", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, regexp: ".*-(?P<database>[a-z]+)"}}`, ""},
		{"velero, twice", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, schedule: a, regexp: b}}`, "velero.schedule"},
		{"velero, nobody's", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, regexp: "(?P<name>.*)"}}`, "velero.regexp: needs a group"},
		{"velero, whose", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}}}`, "velero.schedule: or regexp must say"},
		{"velero, no pattern", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, schedule: "["}}`, "velero.schedule: is no pattern"},
		{"velero, mark too late", `{name: a, velero: {page: {urls: ["http://v:8085/metrics"]}, schedule: "*-{tenant}"}}`, "velero.schedule: may have *"},
		{"taken name", `{name: all-places, barman: {postgres: p, server: s}}`, "is taken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			decoder := yaml.NewDecoder(strings.NewReader(c.text))
			decoder.KnownFields(true)
			require.NoError(t, decoder.Decode(&config))
			err := config.Validate()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			var field *collectors.FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}
