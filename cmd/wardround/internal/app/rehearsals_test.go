package app_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/backup/rehearse"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestScheduledRehearsal lets the daemon rehearse by itself, while reloads replace all that it visits.
func TestScheduledRehearsal(t *testing.T) {
	t.Parallel()
	s := newStage(t, "turn",
		patient{name: "copy", series: seeds.Series18, listed: true, troubles: []seeds.Trouble{seeds.Neutralized}}, // it would be first
		patient{name: "north", series: seeds.Series18, listed: true},
	)
	s.dump("north")
	s.dump("copy")
	s.protected(scratch(t))
	s.replace("reserve: 1MiB", "reserve: 1MiB, every: 24h")
	d := s.start()
	s.replace("interval: 5s", "interval: 6s")
	other := [2]string{s.config(), strings.Replace(s.config(), "interval: 6s", "interval: 7s", 1)}
	n := 0
	within(t, 3*time.Minute, "a restore was rehearsed", func() bool {
		if n++; n%5 == 0 { // now and then, so that rounds go on
			s.write("wardround.yaml", other[n%2])
			require.NoError(t, d.Reload())
		}
		return s.entries("restore_rehearsed", "turn_north") > 0
	})
	eventually(t, "it went well", func() bool {
		return d.page().is(1, "backup_rehearsal_within_objectives", "tenant", "turn_north")
	})
	s.recorded("restore_rehearsed", "turn_north", 1)
	s.recorded("restore_rehearsed", "turn_copy", 0)
	var known struct{ Rehearsals []struct{ Tenant string } }
	d.json("/api/v1/rehearsals", &known)
	require.Equal(t, []struct{ Tenant string }{{"turn_north"}}, known.Rehearsals, "nothing is promised about a copy")
	d.stop()

	h := handed{s, s.start().ready()}
	for range 2 {
		h.taken(h.leave("0.json", "a turn"))
	}
	require.Zero(t, h.d.log.times("a restore is rehearsed"), "it was, before the restart")
}

// handed is a stage on which results of rehearsals are handed in.
type handed struct {
	*stage
	d *daemon
}

// leave hands a result in as a command does, and returns its file.
func (h handed) leave(name string, result any) string {
	h.t.Helper()
	text, err := json.Marshal(result)
	require.NoError(h.t, err)
	require.NoError(h.t, os.MkdirAll(filepath.Join(h.dir, "data", "rehearsed"), 0o750))
	return h.write(filepath.Join("data", "rehearsed", name), string(text))
}

// taken waits until a file is gone.
func (h handed) taken(file string) {
	h.t.Helper()
	eventually(h.t, "it was taken", func() bool { return !exists(file) })
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// TestResultsThatCannotBeTakenYet hands results in while the record of rehearsals cannot be written:
// they stay, become evidence once, and are taken when it can.
func TestResultsThatCannotBeTakenYet(t *testing.T) {
	t.Parallel()
	s := newStage(t, "hand", patient{name: "north", series: seeds.Series18, listed: true})
	s.protected(scratch(t))
	h := handed{s, s.start().ready()}
	record := filepath.Join(s.dir, "data", "rehearsals.json")
	eventually(t, "the record was begun", func() bool { return exists(record) })
	require.NoError(t, os.Rename(record, record+".before"))
	require.NoError(t, os.Mkdir(record, 0o750))

	at := time.Now().Add(-time.Hour).UTC()
	result := rehearse.Result{Tenant: "hand_north", Place: "tapes", Started: at, Ended: at.Add(time.Minute), Success: true, RecoveryPoint: at}
	file := h.leave("1.json", result)
	for _, bad := range []any{"not a result", rehearse.Result{Tenant: "hand_north", Started: at, Ended: at.Add(48 * time.Hour)}} {
		h.taken(h.leave("2.json", bad)) // after the good one, each time that it is tried
		require.FileExists(t, filepath.Join(s.dir, "data", "rehearsed", "2.json.bad"))
		require.NoError(t, os.Remove(filepath.Join(s.dir, "data", "rehearsed", "2.json.bad")))
	}
	require.FileExists(t, file)
	require.Equal(t, 1, h.d.log.times("not on record", "1.json"), "it is said once")
	s.recorded("restore_rehearsed", "hand_north", 0)

	require.NoError(t, os.Remove(record))
	h.taken(file)
	s.recorded("restore_rehearsed", "hand_north", 1)
	h.taken(h.leave("1.json", result)) // as if it could not be removed
	s.recorded("restore_rehearsed", "hand_north", 1)
	earlier := result
	earlier.Started, earlier.RecoveryPoint = at.Add(-time.Hour), at.Add(-time.Hour)
	for range 2 {
		h.taken(h.leave("0.json", earlier))
		s.recorded("restore_rehearsed", "hand_north", 2)
	}
	h.d.stop()

	later := result
	later.Started, later.Ended = at.Add(time.Second), at.Add(time.Minute)
	kept, err := backup.OpenRehearsals(record)
	require.NoError(t, err)
	last, _ := kept.Last("hand_north")
	require.Equal(t, at, last.Started, "the newest one")
	require.NoError(t, kept.Add(later.Record(), time.Now()))
	files := []string{h.leave("1.json", result), h.leave("2.json", later)}
	h.d = s.start()
	for _, file := range files {
		h.taken(file)
	}
	s.recorded("restore_rehearsed", "hand_north", 3) // it had died between record and evidence
}

// TestScheduleThatCannotBeKept keeps the hours in which rehearsals may begin; then one cannot begin for
// want of a backup, and not be remembered: it is tried once, and on record when it can be.
func TestScheduleThatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := newStage(t, "shut", patient{name: "north", series: seeds.Series18, listed: true}, patient{name: "west", series: seeds.Series18, listed: true})
	s.protected(scratch(t))
	opens := time.Now().UTC().Add(3 * time.Hour)
	hours := ", between: '" + opens.Format("15:04") + "-" + opens.Add(time.Hour).Format("15:04") + "'"
	s.replace("reserve: 1MiB", "reserve: 1MiB, every: 24h"+hours)
	h := handed{s, s.start().ready()}
	rehearsed := func() int { return h.d.log.times("a restore is rehearsed") }
	for range 2 {
		h.taken(h.leave("0.json", "a turn"))
	}
	require.Zero(t, rehearsed(), "not at this hour")
	before := time.Now().Add(-48 * time.Hour)
	h.taken(h.leave("1.json", rehearse.Result{Tenant: "shut_north", Started: before, Ended: before, Reason: rehearse.ReasonDisk}))

	record := filepath.Join(s.dir, "data", "rehearsals.json")
	eventually(t, "the record was begun", func() bool { return exists(record) })
	require.NoError(t, os.Rename(record, record+".before"))
	require.NoError(t, os.Mkdir(record, 0o750))
	s.replace(hours, "")
	s.configure()
	require.NoError(t, h.d.Reload())
	eventually(t, "it was tried", func() bool { return h.d.log.times("a rehearsal is not on record") == 1 })
	for range 2 {
		h.taken(h.leave("0.json", "a turn"))
	}
	require.Equal(t, 1, rehearsed(), "and is not tried again")
	require.Equal(t, 1, h.d.log.times("a restore is rehearsed", "shut_west"), "who waited longest")
	s.recorded("restore_rehearsed", "shut_west", 0)
	require.NoError(t, os.Remove(record))
	eventually(t, "it is on record", func() bool { return s.entries("restore_rehearsed", `"reason":"fetch"`) == 1 })
	require.Equal(t, 1, rehearsed())

	tomorrow, cancelled := time.Now().Add(25*time.Hour), ended(t) // it need not get far
	eventually(t, "the next one has its turn", func() bool {
		h.d.RehearseInTurn(cancelled, tomorrow)
		return rehearsed() == 2
	})
}

// TestRehearsalsKeepTheBudget asks for a tenant's live database while visits have all of its cluster's slots.
func TestRehearsalsKeepTheBudget(t *testing.T) {
	t.Parallel()
	s := newStage(t, "slots", patient{name: "north", series: seeds.Series18})
	d := s.start().ready()
	for range d.Budget().Size() {
		release, err := d.Budget().Acquire(t.Context())
		require.NoError(t, err)
		defer release()
	}
	const none = "slots_none" // whoever asks for it is refused at once
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	d.AskLive(ctx, collectors.Tenant{Name: none, Database: none, Postgres: s.target("main")})
	require.Error(t, ctx.Err(), "it waited for a slot to its end")
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
