package backup

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// TestRowOfBadBackups is a script that has been failing for weeks: nothing behind what it left is
// taken for good unseen, and what is good is found all the same.
func TestRowOfBadBackups(t *testing.T) {
	at := now()
	keep := folder(t.TempDir())
	good := at.Add(-40 * 24 * time.Hour)
	keep.put(t, "clinic_north.00.sql", []byte(goodScript), good)
	for day := range 25 {
		keep.put(t, fmt.Sprintf("clinic_north.%02d.sql", day+1), []byte(cutScript), good.Add(time.Duration(day+1)*24*time.Hour))
	}
	o := options(t, north)
	p := place(t, Config{Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}, o)
	for range 2 {
		batch := visited(t, p, at)
		require.Contains(t, page(batch), "backup_unchecked 1")
		require.NotContains(t, page(batch), "backup_last_success_timestamp_seconds", "nobody knows yet")
		require.NotContains(t, page(summed(t, o, nil, at)), "backup_tenant_places")
	}
	text := page(visited(t, p, at))
	require.Contains(t, text, fmt.Sprintf(`backup_last_success_timestamp_seconds{tenant="north",type="dump"} %v`, float64(good.Unix())))
	require.Contains(t, text, `backup_kept{tenant="north",type="dump"} 1`)

	fresh := place(t, Config{Name: "again", Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}, o)
	artifact, err := fresh.Newest(t.Context(), north)
	require.NoError(t, err)
	require.Equal(t, "clinic_north.00.sql", artifact.Label)
	require.Equal(t, artifact.Label, artifact.File.Name)
}

// TestNewestOfOneTenant asks for nobody's backups but the tenant's, and leaves what is known of others.
func TestNewestOfOneTenant(t *testing.T) {
	b := startBucket(t)
	b.put(t, "clinic_north.1.sql", []byte(goodScript), now().Add(-time.Hour))
	b.put(t, "clinic_south.1.sql", []byte(goodScript), now().Add(-time.Hour))
	p := place(t, Config{Dumps: &Dumps{In: b.location(), Path: "{database}.*"}}, options(t, north, south))
	visited(t, p, now())
	var read []string
	b.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" {
			read = append(read, r.URL.Path)
		}
		return false
	}
	artifact, err := p.Newest(t.Context(), south)
	require.NoError(t, err)
	require.Equal(t, "clinic_south.1.sql", artifact.Label)
	visited(t, p, now())
	require.Empty(t, read, "all that was known of files stays known")

	b.put(t, "clinic_north.2.sql", []byte(goodScript), now())
	b.put(t, "clinic_south.2.sql", []byte(goodScript), now())
	_, err = p.Newest(t.Context(), south)
	require.NoError(t, err)
	require.NotEmpty(t, read)
	require.NotContains(t, read, "/backups/clinic_north.2.sql")
}

func TestNewestWhereNoneIsGood(t *testing.T) {
	keep := folder(t.TempDir())
	p := place(t, Config{Dumps: &Dumps{In: keep.location(), Path: "{database}.*"}}, options(t, north))
	_, err := p.Newest(t.Context(), north)
	require.EqualError(t, err, `there is no good backup of tenant "north" in nightly`)
	keep.put(t, "clinic_north.zip", odooZip(t, "clinic_south", 1), now().Add(-3*time.Hour))
	_, err = p.Newest(t.Context(), north)
	require.EqualError(t, err, `there is no good backup of tenant "north" in nightly: the newest, from 3 hours ago, holds another database than the tenant's`)
}

func TestNewestOfAPlaceThatHangs(t *testing.T) {
	p := pgBackRestPlace(t, PgBackRest{Command: program(t, "sleep 120")})
	p.config.Timeout = model.Duration(200 * time.Millisecond)
	_, err := p.Newest(t.Context(), north)
	require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%v", err)
}
