package backup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// west is a third tenant; lost has no schedule.
var (
	west = collectors.Tenant{Name: "west", Tier: "shared", Postgres: "pg1", Database: "clinic_west"}
	lost = collectors.Tenant{Name: "lost", Tier: "shared", Postgres: "pg1", Database: "clinic_lost"}
)

// veleroNow is two seconds after velero/running.txt was recorded.
var veleroNow = time.Unix(1795341750, 0).UTC()

func veleroPlace(t *testing.T, e *exporter, c Velero) *Place {
	t.Helper()
	c.Page = e.config
	if c.Schedule == "" {
		c.Schedule = "odoo-{tenant}-*"
	}
	return place(t, Config{Velero: &c}, options(t, north, south, west, lost))
}

func TestVelero(t *testing.T) {
	const somebodys = `velero_backup_last_successful_timestamp{schedule="CANARY Miller"} 1.7953e+09` + "\n"
	e := export(t, recording(t, "velero/running.txt")+somebodys)
	p := veleroPlace(t, e, Velero{Databases: true})
	golden(t, "velero/running", visited(t, p, veleroNow))

	// Then north's hourly one succeeds, in 90 s; its daily one fails, west's fails in part, south's altogether.
	e.show(recording(t, "velero/later.txt") + somebodys)
	golden(t, "velero/later", visited(t, p, veleroNow.Add(15*time.Minute)))
}

// TestVeleroCopiesOfFilestores count as such, and protect no database.
func TestVeleroCopiesOfFilestores(t *testing.T) {
	p := veleroPlace(t, export(t, recording(t, "velero/running.txt")), Velero{})
	batch := visited(t, p, veleroNow)
	require.Contains(t, page(batch), `backup_last_success_timestamp_seconds{tenant="north",type="filestore"}`)
	require.True(t, p.options.Memory.whole(north, veleroNow).point.IsZero())

	p = veleroPlace(t, export(t, recording(t, "velero/running.txt")), Velero{Databases: true})
	visited(t, p, veleroNow)
	require.Equal(t, int64(1795341627), p.options.Memory.whole(north, veleroNow).point.Unix())
}

func TestVeleroOneScheduleForAll(t *testing.T) {
	p := veleroPlace(t, export(t, recording(t, "velero/running.txt")), Velero{Schedule: "odoo-west-*", Databases: true})
	batch := visited(t, p, veleroNow)
	for _, tenant := range []string{"north", "south", "west", "lost"} {
		require.Equal(t, 1795312800., point(batch, tenant))
	}
	require.Empty(t, names(batch))
}

const (
	westGood    = `velero_backup_last_successful_timestamp{schedule="odoo-west-daily"}`
	westDone    = `velero_backup_success_total{schedule="odoo-west-daily"}`
	westFailed  = `velero_backup_failure_total{schedule="odoo-west-daily"}`
	westPartly  = `velero_backup_partial_failure_total{schedule="odoo-west-daily"}`
	veleroBegun = "process_start_time_seconds"
)

// success is what a place says of the last attempt for west, and for which reason it failed.
func success(b *collectors.Batch) (worked float64, why string) {
	_, rest, _ := strings.Cut(page(b), `backup_last_attempt_failure{tenant="west",reason="`)
	why, _, _ = strings.Cut(rest, `"`)
	return figure(b, `backup_last_attempt_success{tenant="west"}`), why
}

func TestVeleroFailures(t *testing.T) {
	text := recording(t, "velero/running.txt")
	for name, c := range map[string]struct {
		text   string
		worked float64
		why    string
	}{
		"nothing new":                    {text, 1, ""},
		"failed":                         {with(t, text, westFailed, "1"), 0, "failed"},
		"failed in part":                 {with(t, text, westPartly, "2"), 0, "incomplete"},
		"in part and altogether":         {with(t, with(t, text, westPartly, "2"), westFailed, "1"), 0, "failed"},
		"failed, then succeeded, or not": {with(t, with(t, text, westFailed, "1"), westGood, "1.79534182e+09"), 1, ""},
		"a counter that begins anew":     {with(t, text, westPartly, "0"), 1, ""},
		"and has counted since":          {with(t, with(t, text, westPartly, ""), westFailed, "1"), 0, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			e := export(t, text)
			p := veleroPlace(t, e, Velero{})
			worked, why := success(visited(t, p, veleroNow))
			require.Equal(t, 1., worked, "nobody knows when what was counted before failed")
			require.Empty(t, why)
			e.show(c.text)
			worked, why = success(visited(t, p, veleroNow.Add(5*time.Minute)))
			require.Equal(t, c.worked, worked)
			require.Equal(t, c.why, why)
			e.show(with(t, c.text, westGood, "1.79534232e+09"))
			worked, _ = success(visited(t, p, veleroNow.Add(20*time.Minute)))
			require.Equal(t, 1., worked, "it succeeded since")
		})
	}
}

// TestVeleroAfterAFall counts anew from zero what a Velero counts that was started again.
func TestVeleroAfterAFall(t *testing.T) {
	text := recording(t, "velero/running.txt")
	e := export(t, with(t, text, westPartly, "5"))
	p := veleroPlace(t, e, Velero{})
	visited(t, p, veleroNow)
	e.show(with(t, text, westPartly, "1"))
	worked, why := success(visited(t, p, veleroNow.Add(5*time.Minute)))
	require.Zero(t, worked)
	require.Equal(t, "incomplete", why)
}

func TestVeleroDurations(t *testing.T) {
	text := func(good, done, timed, took int) string {
		return fmt.Sprintf(`velero_backup_last_successful_timestamp{schedule="odoo-west-daily"} %d
velero_backup_success_total{schedule="odoo-west-daily"} %[2]d
velero_backup_duration_seconds_sum{schedule="odoo-west-daily"} %[3]d
velero_backup_duration_seconds_count{schedule="odoo-west-daily"} %[4]d
`, 1795312800+good, done, took, timed)
	}
	const series = `backup_last_success_duration_seconds{tenant="west",type="filestore"}`
	e := export(t, "")
	p := veleroPlace(t, e, Velero{})
	for i, c := range []struct {
		good, done, timed, took int
		want                    float64
		why                     string
	}{
		{0, 1, 1, 100, 0, "what was counted before may be of another"},
		{0, 1, 1, 100, 0, "nothing new"},
		{0, 2, 2, 150, 0, "counted, and its time not listed yet"},
		{600, 2, 2, 150, 50, "of one"},
		{600, 2, 2, 150, 50, "still of that"},
		{1200, 4, 4, 300, 0, "of two"},
		{1800, 5, 5, 310, 10, "of one again"},
		{1800, 5, 6, 330, 10, "and one that failed, which is timed too"},
		{2400, 6, 7, 390, 0, "of that or of the next"},
		{3000, 1, 1, 30, 30, "of the first since it began anew"},
	} {
		e.show(text(c.good, c.done, c.timed, c.took))
		require.Equal(t, c.want, figure(visited(t, p, veleroNow.Add(time.Duration(i)*5*time.Minute)), series), c.why)
	}
}

// TestVeleroOnePageOfTwo keeps what is known of schedules that a silent page showed.
func TestVeleroOnePageOfTwo(t *testing.T) {
	text := recording(t, "velero/running.txt")
	before, rest, _ := strings.Cut(text, westGood)
	e := export(t, "# TYPE velero_backup_total gauge\nvelero_backup_total 1\n"+westGood+" 1.7953128e+09\n", before+strings.TrimPrefix(rest, " 1.7953128e+09\n"))
	p := veleroPlace(t, e, Velero{Databases: true})
	batch := visited(t, p, veleroNow)
	require.Equal(t, 1795312800., point(batch, "west"))
	require.Equal(t, 1795341627., point(batch, "north"))
	require.Equal(t, []string{"lost/backup_missing", "south/backup_missing"}, names(batch))

	for _, path := range []string{"/a", "/b"} {
		text := e.texts[path]
		e.mu.Lock()
		delete(e.texts, path)
		e.mu.Unlock()
		batch = visited(t, p, veleroNow.Add(5*time.Minute))
		require.Equal(t, 1795312800., point(batch, "west"), path)
		require.Equal(t, 1795341627., point(batch, "north"), path)
		require.Empty(t, names(batch), "nobody knows of the others")
		require.Contains(t, page(batch), `indicator="page",reason="protocol"`)
		e.mu.Lock()
		e.texts[path] = text
		e.mu.Unlock()
	}
}

func TestVeleroThatHasJustBegun(t *testing.T) {
	running, begun := recording(t, "velero/running.txt"), recording(t, "velero/restarted.txt")
	now := time.Unix(1795341772, 0)
	e := export(t, begun)
	p := veleroPlace(t, e, Velero{Databases: true})
	batch := visited(t, p, now)
	require.Empty(t, names(batch), "nobody knows of any yet")
	require.Equal(t, 4., figure(batch, "backup_unchecked"))

	e.show(running)
	batch = visited(t, p, now.Add(5*time.Minute))
	require.Equal(t, []string{"lost/backup_missing", "south/backup_missing", "west/backup_failed"}, names(batch))
	require.Equal(t, 1795312800., point(batch, "west"))

	e.show(with(t, begun, veleroBegun, "1.7953423e+09"))
	batch = visited(t, p, now.Add(9*time.Minute))
	require.Equal(t, 1795312800., point(batch, "west"), "what was known is known")

	all := veleroPlace(t, export(t, begun), Velero{Schedule: "odoo-west-*"})
	require.Empty(t, names(visited(t, all, now)))
}

// TestVeleroThatForgotASchedule shows nothing of one that was deleted, and no backup of one that was
// then made anew, until it has listed the backups again.
func TestVeleroThatForgotASchedule(t *testing.T) {
	later, anew := recording(t, "velero/later.txt"), recording(t, "velero/anew.txt")
	var deleted strings.Builder
	for line := range strings.Lines(anew) {
		if !strings.Contains(line, `"odoo-west-daily"`) {
			deleted.WriteString(line)
		}
	}
	for name, text := range map[string]string{"deleted": deleted.String(), "made anew": anew} {
		t.Run(name, func(t *testing.T) {
			e := export(t, later)
			p := veleroPlace(t, e, Velero{Databases: true})
			at := func(minute int) *collectors.Batch {
				return visited(t, p, veleroNow.Add(time.Duration(minute)*time.Minute))
			}
			at(0)
			e.show(text)
			require.Equal(t, 1795312800., point(at(5), "west"), "it is not listed yet")
			e.show(text + westGood + " 1.7953128e+09\n")
			require.Equal(t, 1795312800., point(at(10), "west"))
			e.show(text)
			require.Equal(t, 1795312800., point(at(15), "west"), "nor after the next time")
			require.Contains(t, names(at(20)), "west/backup_missing", "it is gone")
		})
	}
}

func TestVeleroThatDoesNotSay(t *testing.T) {
	text := recording(t, "velero/running.txt")
	for name, c := range map[string]struct {
		text   string
		where  map[string]string
		reason collectors.Reason
	}{
		"another program":   {"# TYPE go_goroutines gauge\ngo_goroutines 12\n", nil, collectors.ReasonMissing},
		"nothing that fits": {text, map[string]string{"namespace": "CANARY"}, collectors.ReasonMissing},
		"cut":               {text[:len(text)-4], nil, collectors.ReasonProtocol},
		"empty":             {"", nil, collectors.ReasonMissing},
		"no page":           {"CANARY Miller\n", nil, collectors.ReasonProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			e := export(t, c.text)
			e.config.Where = c.where
			p := veleroPlace(t, e, Velero{})
			batch, err := visit(t, p, p.Visit().Key, veleroNow)
			require.Error(t, err)
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error()+page(batch), "CANARY")
			require.Equal(t, []string{"backup_place_unreadable"}, names(batch))
		})
	}
}

// TestVeleroForgets keeps no counter of a Velero that is gone.
func TestVeleroForgets(t *testing.T) {
	e := export(t, recording(t, "velero/running.txt"))
	p := veleroPlace(t, e, Velero{})
	visited(t, p, veleroNow)
	reader := p.reader.(*velero)
	require.NotEmpty(t, reader.counted)
	require.Len(t, reader.attempts, 5)
	e.show("# TYPE velero_backup_total gauge\nvelero_backup_total 0\n")
	visited(t, p, veleroNow.Add(25*time.Hour))
	visited(t, p, veleroNow.Add(26*time.Hour))
	require.Empty(t, reader.counted)
	require.Empty(t, reader.attempts)
}
