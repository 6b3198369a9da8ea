package backup

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

const (
	goodScript = "--\n-- PostgreSQL database dump\n--\n\nCOPY x FROM stdin;\nCANARY\n\\.\n--\n-- PostgreSQL database dump complete\n--\n"
	cutScript  = "--\n-- PostgreSQL database dump\n--\n\nCOPY x FROM stdin;\nCANARY\n"
)

// odooZip writes a zip as Odoo does.
func odooZip(t testing.TB, database string, attachments int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name, text string) {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(f, text)
		require.NoError(t, err)
	}
	add("dump.sql", goodScript)
	add("manifest.json", `{"db_name": "`+database+`", "version": "18.0", "CANARY": "CANARY"}`)
	for i := range attachments {
		add(fmt.Sprintf("filestore/ab/ab%038d", i), "CANARY")
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// keeper puts files where a place keeps them.
type keeper interface {
	put(t testing.TB, name string, content []byte, at time.Time)
	location() Location
}

type folder string

func (f folder) put(t testing.TB, name string, content []byte, at time.Time) {
	t.Helper()
	path := filepath.Join(string(f), name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content, 0o644))
	require.NoError(t, os.Chtimes(path, at, at))
}

func (f folder) location() Location { return Location{Folder: string(f)} }

// now is a whole second, as the times of objects are.
func now() time.Time { return time.Now().Truncate(time.Second) }

func TestDumpsInFoldersAndBuckets(t *testing.T) {
	began := now()
	ago := func(hours int) time.Time { return began.Add(-time.Duration(hours) * time.Hour) }
	for name, c := range map[string]struct {
		files func(put func(name string, content []byte, hoursAgo int))
		want  []string // lines of the page
		found []string // findings
	}{
		"good": {
			files: func(put func(string, []byte, int)) {
				put("d/clinic_north_2026.sql", []byte(goodScript), 30)
				put("d/clinic_north_2027.sql", []byte(goodScript), 6)
				put("d/clinic_south_2027.zip", odooZip(t, "clinic_south", 3), 5)
				put("d/clinic_elsewhere_1.sql", []byte(goodScript), 1)
			},
			want: []string{
				fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(6).Unix())),
				`backup_kept{tenant="north",type="dump"} 2`, `backup_kept{tenant="south",type="odoo_zip"} 1`,
				`backup_last_attempt_success{tenant="north"} 1`, `backup_encrypted{tenant="north"} 0`,
			},
		},
		"newest is empty": {
			files: func(put func(string, []byte, int)) {
				put("d/clinic_north_1.sql", []byte(goodScript), 30)
				put("d/clinic_north_2.sql", nil, 6)
				put("d/clinic_south_1.sql", []byte(goodScript), 5)
			},
			want: []string{
				fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(30).Unix())),
				`backup_last_attempt_failure{tenant="north",reason="empty"} 1`, `backup_last_attempt_success{tenant="north"} 0`,
				fmt.Sprintf(`backup_last_attempt_timestamp_seconds{tenant="north"} %v`, float64(ago(6).Unix())),
			},
			found: []string{"north/backup_failed"},
		},
		"cut, and zips that are broken, of another database, or without filestore": {
			files: func(put func(string, []byte, int)) {
				whole := odooZip(t, "clinic_south", 1)
				put("d/clinic_north_1.sql", []byte(goodScript), 60)
				put("d/clinic_north_2.zip", odooZip(t, "clinic_south", 1), 30)
				put("d/clinic_north_3.sql", []byte(cutScript), 6)
				put("d/clinic_south_1.zip", odooZip(t, "clinic_south", 0), 30)
				put("d/clinic_south_2.zip", whole[:len(whole)-10], 5)
			},
			want: []string{
				fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(60).Unix())),
				`backup_last_attempt_failure{tenant="north",reason="truncated"} 1`,
				`backup_last_attempt_failure{tenant="south",reason="truncated"} 1`,
			},
			found: []string{"north/backup_failed", "south/backup_missing"},
		},
		"another database": {
			files: func(put func(string, []byte, int)) {
				put("d/clinic_north_1.zip", odooZip(t, "clinic_south", 1), 6)
				put("d/clinic_south_1.zip", odooZip(t, "clinic_south", 1), 6)
			},
			want:  []string{`backup_last_attempt_failure{tenant="north",reason="other_database"} 1`},
			found: []string{"north/backup_missing"},
		},
		"none": {
			files: func(put func(string, []byte, int)) { put("d/clinic_south_1.sql", []byte(goodScript), 1) },
			found: []string{"north/backup_missing"},
		},
		"from the future": {
			files: func(put func(string, []byte, int)) {
				put("d/clinic_north_1.sql", []byte(goodScript), 30)
				put("d/clinic_north_2.sql", []byte(goodScript), -3)
				put("d/clinic_south_1.sql", []byte(goodScript), 1)
			},
			want: []string{
				fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(30).Unix())),
				`backup_last_attempt_failure{tenant="north",reason="future_date"} 1`,
			},
			found: []string{"north/backup_failed"},
		},
		"far too small": {
			files: func(put func(string, []byte, int)) {
				for i := range 5 {
					put(fmt.Sprintf("d/clinic_north_%d.sql", i), append([]byte(goodScript), make([]byte, 3000)...), 100-i)
				}
				put("d/clinic_north_9.sql", []byte(goodScript), 6)
				put("d/clinic_south_1.sql", []byte(goodScript), 1)
			},
			want:  []string{`backup_size_ratio{tenant="north"} 0.03`},
			found: []string{"north/backup_size_unusual"},
		},
	} {
		for kind, keep := range map[string]keeper{"folder": folder(t.TempDir()), "bucket": startBucket(t)} {
			t.Run(name+" in a "+kind, func(t *testing.T) {
				c.files(func(name string, content []byte, hours int) { keep.put(t, name, content, ago(hours)) })
				p := place(t, Config{Dumps: &Dumps{In: keep.location(), Path: "d/{database}_*"}}, options(t, north, south))
				batch := visited(t, p, now())
				text := page(batch)
				for _, line := range c.want {
					require.Contains(t, text, line)
				}
				require.ElementsMatch(t, c.found, withoutGuard(names(batch)))
				require.NotContains(t, text, "CANARY")
				require.NotContains(t, text, "elsewhere")
			})
		}
	}
}

// withoutGuard leaves out the finding that every bucket of the tests has.
func withoutGuard(found []string) []string {
	var kept []string
	for _, name := range found {
		if name != "backup_bucket_unguarded" {
			kept = append(kept, name)
		}
	}
	return kept
}

func TestFileBeingWrittenIsNoFailure(t *testing.T) {
	keep := folder(t.TempDir())
	keep.put(t, "clinic_north.1.sql", []byte(goodScript), now().Add(-24*time.Hour))
	keep.put(t, "clinic_north.2.sql", []byte(cutScript), now().Add(-time.Minute))
	p := place(t, Config{Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}, options(t, north))
	require.Empty(t, names(visited(t, p, now())))
	require.Equal(t, []string{"north/backup_failed"}, names(visited(t, p, now().Add(time.Hour))), "an hour later it should be complete")
}

func TestFolderThatIsNotThereOrClosed(t *testing.T) {
	for name, c := range map[string]struct {
		dir    string
		reason collectors.Reason
	}{
		"missing": {filepath.Join(t.TempDir(), "CANARY-gone"), collectors.ReasonMissing},
		"a file":  {func() string { f := filepath.Join(t.TempDir(), "f"); _ = os.WriteFile(f, nil, 0o600); return f }(), collectors.ReasonOther},
	} {
		t.Run(name, func(t *testing.T) {
			p := place(t, Config{Dumps: &Dumps{In: Location{Folder: c.dir}, Path: "{database}.*"}}, options(t, north))
			batch, err := visit(t, p, p.Visit().Key, now())
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.Equal(t, []string{"backup_place_unreadable"}, names(batch))
		})
	}
}

func TestBucketsOnBadDays(t *testing.T) {
	for name, c := range map[string]struct {
		fault  func(w http.ResponseWriter, r *http.Request) bool
		reason collectors.Reason
	}{
		"no right to list": {always(http.StatusForbidden, "AccessDenied"), collectors.ReasonPermission},
		"unknown key":      {always(http.StatusForbidden, "InvalidAccessKeyId"), collectors.ReasonAuth},
		"no bucket":        {always(http.StatusNotFound, "NoSuchBucket"), collectors.ReasonMissing},
		"too many":         {always(http.StatusServiceUnavailable, "SlowDown"), collectors.ReasonConnections},
		"broken":           {always(http.StatusInternalServerError, "InternalError"), collectors.ReasonProtocol},
		"strange code":     {always(http.StatusBadRequest, "CANARY code"), collectors.ReasonProtocol},
		"not S3":           {func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, "CANARY <html>"); return true }, collectors.ReasonProtocol},
		"hanging":          {func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, collectors.ReasonTimeout},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "<ListBucketResult>CANARY")
			return true
		}, collectors.ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBucket(t)
			b.fault = c.fault
			p := place(t, Config{Dumps: &Dumps{In: b.location(), Path: "{database}.*"}}, options(t, north))
			ctx, cancel := contextWithDeadline(t, time.Second)
			defer cancel()
			builder := collectors.NewBuilder(p.Visit().Key, now())
			err := p.Collect(ctx, builder)
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error()+page(builder.Batch()), "CANARY")
			require.Less(t, b.requests.Load(), int64(3), "the rounds come again, not the client")
		})
	}
}

func always(status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, status, code); return true }
}

func TestBucketDown(t *testing.T) {
	b := startBucket(t)
	location := b.location()
	b.Close()
	p := place(t, Config{Dumps: &Dumps{In: location, Path: "{database}.*"}}, options(t, north))
	_, err := visit(t, p, p.Visit().Key, now())
	require.Equal(t, collectors.ReasonUnreachable, collectors.ReasonOf(err), "%v", err)
}

func TestLocksVersionsEncryption(t *testing.T) {
	b := startBucket(t)
	b.put(t, "clinic_north.1.sql", []byte(goodScript), now().Add(-time.Hour))
	b.until, b.locked, b.encrypted = now().Add(48*time.Hour), true, true
	p := place(t, Config{Dumps: &Dumps{In: b.location(), Path: "{database}.*"}}, options(t, north))
	at := now()
	text := page(visited(t, p, at))
	require.Contains(t, text, fmt.Sprintf(`backup_locked_until_timestamp_seconds{tenant="north"} %v`, float64(b.until.Unix())))
	require.Contains(t, text, "backup_bucket_object_lock_enabled 1")
	require.Contains(t, text, `backup_encrypted{tenant="north"} 1`)

	before := b.requests.Load()
	visited(t, p, at.Add(5*time.Minute))
	require.Equal(t, int64(4), b.requests.Load()-before, "one listing and three settings: nothing is looked into twice")
	b.until = at.Add(96 * time.Hour)
	text = page(visited(t, p, at.Add(2*time.Hour)))
	require.Contains(t, text, fmt.Sprintf(`backup_locked_until_timestamp_seconds{tenant="north"} %v`, float64(b.until.Unix())), "locks are prolonged")

	b.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("versioning") {
			refuse(w, http.StatusForbidden, "AccessDenied")
			return true
		}
		return false
	}
	text = page(visited(t, p, at.Add(3*time.Hour)))
	require.Contains(t, text, `indicator="bucket_settings",reason="permission"`)
	require.Contains(t, text, "backup_up 1")
}

func TestKeyFilesAreReadAtUse(t *testing.T) {
	b := startBucket(t)
	b.put(t, "clinic_north.1.sql", []byte(goodScript), now().Add(-time.Hour))
	var seen string
	b.fault = func(_ http.ResponseWriter, r *http.Request) bool { seen = r.Header.Get("Authorization"); return false }
	access, secret := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(access, []byte("FIRST\n"), 0o600))
	require.NoError(t, os.WriteFile(secret, []byte("secret\n"), 0o600))
	location := b.location()
	location.Bucket.AccessKey, location.Bucket.SecretKey = "", ""
	location.Bucket.AccessKeyFile, location.Bucket.SecretKeyFile = access, secret
	p := place(t, Config{Dumps: &Dumps{In: location, Path: "{database}.*"}}, options(t, north))
	visited(t, p, now())
	require.Contains(t, seen, "Credential=FIRST/")
	require.NoError(t, os.WriteFile(access, []byte("SECOND\n"), 0o600))
	visited(t, p, now())
	require.Contains(t, seen, "Credential=SECOND/")
	require.NoError(t, os.Remove(access))
	_, err := visit(t, p, p.Visit().Key, now())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "SECOND")
}

func TestListingsAreBounded(t *testing.T) {
	for kind, keep := range map[string]keeper{"folder": folder(t.TempDir()), "bucket": startBucket(t)} {
		t.Run(kind, func(t *testing.T) {
			for i := range 20 {
				keep.put(t, fmt.Sprintf("clinic_north.%02d.sql", i), []byte(goodScript), now().Add(-time.Hour))
			}
			location := keep.location()
			location.Most = 10
			p := place(t, Config{Dumps: &Dumps{In: location, Path: "{database}.*"}}, options(t, north))
			batch := visited(t, p, now())
			require.Contains(t, page(batch), "backup_listing_cut 1")
			require.Contains(t, page(batch), `backup_kept{tenant="north",type="dump"} 10`)
			require.Contains(t, names(batch), "backup_listing_cut")
		})
	}
}

func TestTimeIsSharedOut(t *testing.T) {
	b := startBucket(t)
	for i := range 10 {
		b.put(t, fmt.Sprintf("db%d.1.sql", i), []byte(goodScript), now().Add(-time.Hour))
	}
	b.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" {
			select { // a store that is slow to answer whoever still waits
			case <-time.After(550 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		return false
	}
	var tenants []collectors.Tenant
	for i := range 10 {
		name := fmt.Sprintf("db%d", i)
		tenants = append(tenants, collectors.Tenant{Name: name, Database: name, Postgres: "pg1"})
	}
	p := place(t, Config{Dumps: &Dumps{In: b.location(), Path: "{database}.*"}}, options(t, tenants...))
	protection, err := NewProtection(p.options, nil)
	require.NoError(t, err)
	once := func(limit time.Duration) *collectors.Batch {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		builder := collectors.NewBuilder(p.Visit().Key, time.Now())
		require.NoError(t, p.Collect(ctx, builder))
		return builder.Batch()
	}
	first := once(time.Second)
	require.NotContains(t, page(first), "backup_unchecked 0")
	require.Empty(t, withoutGuard(names(first)), "what nobody has looked into yet is not missing")
	sum, err := visit(t, protection, protection.Visit().Key, time.Now())
	require.NoError(t, err)
	require.Empty(t, names(sum), "nor is anybody unprotected")
	require.Eventually(t, func() bool {
		return bytes.Contains([]byte(page(once(time.Second))), []byte("backup_unchecked 0"))
	}, 20*time.Second, time.Millisecond)
}
