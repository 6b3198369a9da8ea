package alert

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/testdata/platform"
)

func TestSilenceOf(t *testing.T) {
	upgrade := slo.Exclusion{
		ID: "x1", From: at(0), To: at(120), Category: slo.Maintenance, Approver: "operations", Reason: "upgrade",
		Announced: at(-1000), Scope: slo.Scope{Tenants: []string{"north"}},
	}
	want := Silence{
		ID: "x1", From: at(0), To: at(120), CreatedBy: "operations", Comment: "maintenance: upgrade",
		Matchers: []Matcher{{"platform", "clinics", false}, {"objective", ".+", true}, {"tenant", "north", false}},
	}
	weekly, late := upgrade, upgrade
	weekly.Rule = "FREQ=WEEKLY"
	late.Announced = at(1)
	next := want
	next.From, next.To = at(7*24*60), at(7*24*60+120)
	for _, tt := range []struct {
		name      string
		exclusion slo.Exclusion
		at        float64
		want      *Silence
	}{
		{"long before", upgrade, -61, nil},
		{"within the hour", upgrade, -60, &want},
		{"when it begins", upgrade, 0, &want},
		{"just before it ends", upgrade, 119.9, &want},
		{"when it has ended", upgrade, 120, nil},
		{"announced too late", late, 10, nil},
		{"the first of many", weekly, 60, &want},
		{"between two", weekly, 3 * 24 * 60, nil},
		{"the second one, within the hour", weekly, 7*24*60 - 10, &next},
		{"the second one, in force", weekly, 7*24*60 + 119, &next},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, there := SilenceOf(&tt.exclusion, map[string]string{"platform": "clinics"}, at(tt.at))
			require.Equal(t, tt.want != nil, there)
			if there {
				require.Equal(t, *tt.want, got)
			}
		})
	}
}

func TestSilenceMatchers(t *testing.T) {
	for name, tt := range map[string]struct {
		scope slo.Scope
		want  []Matcher
	}{
		"everything that is promised": {slo.Scope{}, []Matcher{{"objective", ".+", true}}},
		"one objective":               {slo.Scope{Objectives: []string{"login"}}, []Matcher{{"objective", "login", false}}},
		"several, quoted, in order": {
			slo.Scope{Objectives: []string{"login"}, Tenants: []string{"st.anna", "north", "st.anna"}, Tiers: []string{"dedicated"}},
			[]Matcher{{"objective", "login", false}, {"tenant", `north|st\.anna`, true}, {"tier", "dedicated", false}},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, matchersOf(tt.scope, nil)) })
	}
}

func TestMarks(t *testing.T) {
	require.Equal(t, "why [wardround shard-1/x1]", commentOf("shard-1", Silence{ID: "x1", Comment: "why"}))
	for comment, want := range map[string]string{
		"why [wardround shard-1/x1]":                     "x1",
		"[wardround shard-1/2026/x]":                     "2026/x",
		"[wardround shard-1/old] [wardround shard-1/x1]": "x1",
		"[wardround shard-2/x1]":                         "",
		"[wardround shard-1/x1] edited by hand":          "",
		"why":                                            "",
	} {
		id, ours := markedBy("shard-1", comment)
		require.Equal(t, want, id, comment)
		require.Equal(t, want != "", ours, comment)
	}
}

// hushed is a notifier that keeps silences, on real servers, until the test ends or it is stopped.
func hushed(t *testing.T, owner string, servers ...*platform.Monitor) (n *Notifier, stop func()) {
	t.Helper()
	options := NotifierOptions{Logger: slog.New(slog.DiscardHandler), Silences: true, SilenceOwner: owner}
	for _, server := range servers {
		options.Alertmanagers = append(options.Alertmanagers, Alertmanager{URL: server.URL()})
	}
	n, err := NewNotifier(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return n, stop
}

// silencesOf are those of a server that are not over, in the order of their comments.
func silencesOf(t *testing.T, server *platform.Monitor) []*models.GettableSilence {
	t.Helper()
	all, err := clientTo(t, Alertmanager{URL: server.URL()}).silences(t.Context())
	require.NoError(t, err)
	all = slices.DeleteFunc(all, func(s *models.GettableSilence) bool {
		return *s.Status.State == models.SilenceStatusStateExpired
	})
	slices.SortFunc(all, func(a, b *models.GettableSilence) int { return bytes.Compare([]byte(*a.Comment), []byte(*b.Comment)) })
	return all
}

func north(from, to time.Duration) Silence {
	now := time.Now().Truncate(time.Minute)
	return Silence{
		ID: "x1", From: now.Add(from), To: now.Add(to), CreatedBy: "operations", Comment: "upgrade",
		Matchers: []Matcher{{"tenant", "north", false}, {"objective", ".+", true}},
	}
}

// TestSilences takes an exclusion through its life in a real Alertmanager.
func TestSilences(t *testing.T) {
	receiver := newHook(t)
	server := platform.AlertmanagerForTest(t, receiver.config())
	other, _ := hushed(t, "other", server)
	other.PublishSilences([]Silence{{ID: "x1", From: time.Now(), To: time.Now().Add(time.Hour), Matchers: []Matcher{{"tenant", "west", false}}}})
	one := func(has func(*models.GettableSilence) bool, what string) *models.GettableSilence {
		t.Helper()
		var ours *models.GettableSilence
		eventually(t, func() bool {
			all := silencesOf(t, server)
			if len(all) != 2 {
				return false
			}
			ours = all[1]
			return has(ours)
		}, what)
		return ours
	}
	eventually(t, func() bool { return len(silencesOf(t, server)) == 1 }, "that of another daemon")

	n, stop := hushed(t, "", server)
	n.PublishSilences([]Silence{north(-time.Minute, time.Hour)})
	first := one(func(*models.GettableSilence) bool { return true }, "it is made")
	require.Equal(t, "upgrade [wardround wardround/x1]", *first.Comment)
	require.Equal(t, "operations", *first.CreatedBy)
	require.True(t, sameMatchers(posted(north(0, 0).Matchers), first.Matchers))

	d := newDaemon(t, t.TempDir(), server)
	d.evaluate(t, holds(burn("north", "page", "1h")), holds(burn("south", "page", "1h")))
	eventually(t, func() bool { return len(receiver.notes()) == 1 }, "the receiver is told")
	require.Equal(t, models.AlertStatusStateSuppressed, *shownBy(t, server)["north"].Status.State)
	require.Equal(t, []string{"firing south"}, receiver.notes())

	stop()
	n, _ = hushed(t, "", server)
	longer := north(-time.Minute, 2*time.Hour)
	n.PublishSilences([]Silence{longer})
	later := one(func(s *models.GettableSilence) bool { return time.Time(*s.EndsAt).Equal(longer.To) }, "after a restart it is changed")
	require.Equal(t, *first.ID, *later.ID, "and found again")
	require.Equal(t, first.StartsAt, later.StartsAt)

	wider := longer
	wider.Matchers = []Matcher{{"tenant", "north|east", true}}
	n.PublishSilences([]Silence{wider})
	one(func(s *models.GettableSilence) bool { return sameMatchers(posted(wider.Matchers), s.Matchers) }, "it is replaced")

	n.PublishSilences(nil)
	eventually(t, func() bool { return len(silencesOf(t, server)) == 1 }, "it is revoked")
	require.Contains(t, *silencesOf(t, server)[0].Comment, "other/x1")
}

// TestSilencesOfAll keeps silences on two servers, of which one comes back without its memory.
func TestSilencesOfAll(t *testing.T) {
	frail, firm := platform.AlertmanagerForTest(t, newHook(t).config()), platform.AlertmanagerForTest(t, newHook(t).config())
	n, _ := hushed(t, "", frail, firm)
	soon := north(30*time.Minute, time.Hour)
	n.PublishSilences([]Silence{soon})
	for _, server := range []*platform.Monitor{frail, firm} {
		eventually(t, func() bool { return len(silencesOf(t, server)) == 1 }, "both have it")
		require.Equal(t, models.SilenceStatusStatePending, *silencesOf(t, server)[0].Status.State)
	}
	require.NoError(t, frail.Kill())
	n.PublishSilences([]Silence{soon})
	require.NoError(t, frail.Start(t.Context()))
	eventually(t, func() bool { return len(silencesOf(t, frail)) == 1 }, "it is made again")
	before := *silencesOf(t, firm)[0]
	require.Equal(t, before.UpdatedAt, silencesOf(t, firm)[0].UpdatedAt)
}

// fakeKeeper is an Alertmanager's silences in memory.
type fakeKeeper struct {
	mu     sync.Mutex
	all    models.GettableSilences
	calls  []string
	broken error
}

func (f *fakeKeeper) silences(context.Context) (models.GettableSilences, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "read")
	return slices.Clone(f.all), f.broken
}

func (f *fakeKeeper) keep(_ context.Context, s *models.PostableSilence) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "keep "+s.ID)
	id, state := s.ID, models.SilenceStatusStateActive
	if id == "" {
		id = "made"
	}
	made := &models.GettableSilence{ID: &id, Status: &models.SilenceStatus{State: &state}, Silence: s.Silence}
	f.all = append(slices.DeleteFunc(f.all, func(old *models.GettableSilence) bool { return *old.ID == id }), made)
	return f.broken
}

func (f *fakeKeeper) expire(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "expire "+id)
	for _, s := range f.all {
		if state := models.SilenceStatusStateExpired; *s.ID == id {
			s.Status.State = &state
		}
	}
	return f.broken
}

func (f *fakeKeeper) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fakeKeeper) breaks(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func newFakeSilencer(t *testing.T, log io.Writer) (*silencer, *fakeKeeper) {
	t.Helper()
	options := NotifierOptions{Logger: slog.New(slog.NewTextHandler(log, nil))}
	require.NoError(t, options.validate())
	s, keeper := newSilencer(options, &amClient{name: "a"}), &fakeKeeper{}
	s.client = keeper
	return s, keeper
}

func TestSilencerReconciles(t *testing.T) {
	s, keeper := newFakeSilencer(t, io.Discard)
	x1 := Silence{ID: "x1", From: at(0), To: at(60), Matchers: []Matcher{{"tenant", "north", false}}}
	steps := []struct {
		name   string
		minute float64
		wanted []Silence
		calls  []string
	}{
		{"it is made", -10, []Silence{x1}, []string{"read", "keep "}},
		{"nothing is to be done", -9, []Silence{x1}, []string{"read"}},
		{"nor when it has begun", 1, []Silence{x1}, []string{"read"}},
		{"another start that has passed is none", 2, []Silence{{ID: "x1", From: at(1), To: at(60), Matchers: x1.Matchers}}, []string{"read"}},
		{"another end", 3, []Silence{{ID: "x1", From: at(0), To: at(90), Matchers: x1.Matchers}}, []string{"read", "keep made"}},
		{"another comment", 4, []Silence{{ID: "x1", From: at(0), To: at(90), Matchers: x1.Matchers, Comment: "why"}}, []string{"read", "keep made"}},
		{"a start still to come", 5, []Silence{{ID: "x1", From: at(30), To: at(90), Matchers: x1.Matchers, Comment: "why"}}, []string{"read", "keep made"}},
		{"revoked", 6, nil, []string{"read", "expire made"}},
		{"revoked, and nothing to be done", 7, nil, []string{"read"}},
		{"made anew", 8, []Silence{x1}, []string{"read", "keep "}},
		{"over, and not made any more", 60, []Silence{x1}, []string{"read"}},
	}
	for _, step := range steps {
		require.NoError(t, s.reconcile(t.Context(), step.wanted, at(step.minute)), step.name)
		require.Equal(t, step.calls, keeper.took(), step.name)
	}
}

// TestSilencerTwins finds two of one ID, as peers make them that have not heard of each other yet.
func TestSilencerTwins(t *testing.T) {
	s, keeper := newFakeSilencer(t, io.Discard)
	x1 := Silence{ID: "x1", From: at(0), To: at(60), Matchers: []Matcher{{"tenant", "north", false}}}
	for _, id := range []string{"b", "a", "c"} {
		twin := s.needed(x1, nil, at(0))
		twin.ID = id
		require.NoError(t, keeper.keep(t.Context(), twin))
	}
	keeper.took()
	require.NoError(t, s.reconcile(t.Context(), []Silence{x1}, at(1)))
	require.Equal(t, []string{"read", "expire b", "expire c"}, keeper.took())
}

func TestSilencerTriesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(buffer)
		s, keeper := newFakeSilencer(t, log)
		keeper.breaks(refused)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.run(ctx); close(ended) }()
		synctest.Wait()
		require.Empty(t, keeper.took(), "before it knows anything it touches nothing")
		s.publish([]Silence{north(0, time.Hour)})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Greater(t, len(keeper.took()), 20)
		keeper.breaks(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"read", "keep "}, keeper.took())
		require.Len(t, regexp.MustCompile("level=ERROR").FindAllString(log.String(), -1), 1, "logged once")
		require.Contains(t, log.String(), "alertmanager takes silences again")
		cancel()
		<-ended
	})
}
