package accesslog

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const monday = 1795392000 // 2026-11-23T00:00:00Z, in seconds since 1970

// clinic is the tenants' week: whole hours of requests, minute by minute.
type clinic struct {
	*habits
	t *testing.T
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	require.Equal(t, time.Monday, time.Unix(monday, 0).UTC().Weekday())
	c := &clinic{habits: newHabits(), t: t}
	c.begin(monday - 3600)
	c.of("bystander")
	return c
}

// live lets an hour pass with so many requests of a tenant in each minute.
func (c *clinic) live(hour int64, tenant string, perMinute int) {
	h := c.of(tenant)
	for at := monday + hour*3600; at < monday+(hour+1)*3600; at += 60 {
		c.begin(at)
		for range perMinute {
			c.count(h, at)
		}
	}
}

// weeks lets weeks pass in which a tenant has 100 requests a minute from 8 to 18 o'clock, and 2 at
// other times. It ends before Monday, 0 o'clock.
func (c *clinic) weeks(from, to int64) {
	for hour := from * week; hour < to*week; hour++ {
		perMinute := 2
		if hour%24 >= 8 && hour%24 < 18 {
			perMinute = 100
		}
		c.live(hour, "north", perMinute)
	}
}

// compared is the ratio at a time, below zero where it is not known.
func (c *clinic) compared(tenant string, at int64) float64 {
	c.begin(at)
	recent, usual, ok := c.compare(c.of(tenant))
	if !ok {
		return -1
	}
	return math.Round(100*float64(recent)/max(usual, 1)) / 100
}

func TestUsual(t *testing.T) {
	c := newClinic(t)
	c.live(-1, "north", 2)
	c.weeks(0, 1)
	c.live(week, "north", 2)
	require.Equal(t, -1.0, c.compared("north", monday+(week+1)*3600-1), "one week is no habit")
	for hour := int64(week + 1); hour < 2*week; hour++ {
		c.live(hour, "north", map[bool]int{true: 100, false: 2}[hour%24 >= 8 && hour%24 < 18])
	}
	start := int64(2 * week)
	for hour := start; hour < start+10; hour++ {
		c.live(hour, "north", map[bool]int{true: 100, false: 2}[hour%24 >= 8])
		if hour == start {
			require.Equal(t, 1.0, c.compared("north", monday+hour*3600+59*60+59))
		}
	}
	at := monday + (start+10)*3600
	require.InDelta(t, 1.0, c.compared("north", at-1), 0.02)
	c.live(start+10, "north", 700)
	require.InDelta(t, 7.0, c.compared("north", at+3599), 0.1)
	require.InDelta(t, 3.6, c.compared("north", at+3600+449), 0.3, "half of the window is over")
	require.Zero(t, c.compared("north", at+2*3600), "nobody comes any more")
	require.Zero(t, c.compared("bystander", at+2*3600))
}

// The hour's turn is no spike: what is usual is taken from both hours.
func TestUsualAtTheHoursTurn(t *testing.T) {
	c := newClinic(t)
	c.weeks(0, 3)
	eight := int64(3*week + 8)
	for hour := int64(3 * week); hour < eight; hour++ {
		c.live(hour, "north", 2)
	}
	for minute := range int64(30) {
		at := monday + eight*3600 + minute*60
		c.begin(at)
		for range 100 {
			c.count(c.of("north"), at)
		}
		require.InDelta(t, 1.0, c.compared("north", at+59), 0.05, "minute %d", minute)
	}
}

// A spike does not become the usual at once, a new habit does within weeks.
func TestLearning(t *testing.T) {
	h := &habit{}
	learn := func(requests uint32) float32 {
		h.hour = requests
		h.learn(500000)
		return h.usual[500000%week]
	}
	learn(100)
	require.Equal(t, float32(200), learn(300))
	require.Equal(t, float32(200), learn(200))
	require.Equal(t, float32(300), learn(100000), "three times the usual, by a quarter")
	for range 20 {
		learn(1000)
	}
	require.InDelta(t, 1000, learn(1000), 10)
	for range 60 {
		learn(0)
	}
	require.Less(t, learn(0), float32(0.01))
}

// Hours that were not counted whole teach nothing: the first, one in which lines went missing, and
// those in which nothing was logged at all.
func TestOnlyWholeHoursTeach(t *testing.T) {
	c := newClinic(t)
	known := func() (hours []int64) {
		for i := range int64(week) {
			if c.of("north").weeks[(monday/3600+i)%week] > 0 {
				hours = append(hours, i)
			}
		}
		return hours
	}
	for hour := range int64(3) {
		c.live(hour, "north", 1)
	}
	require.Equal(t, []int64{1}, known())
	c.interrupted()
	require.Equal(t, -1.0, c.compared("north", monday+3*3600+60))
	c.live(3, "north", 1)
	c.live(4, "north", 1)
	require.Equal(t, []int64{1, 3}, known())
	c.live(30, "north", 1)
	c.live(31, "north", 1)
	require.Equal(t, []int64{1, 3, 4, 30}, known())
}

// Lines that come late or from the future disturb nothing.
func TestStrangeTimes(t *testing.T) {
	c := newClinic(t)
	c.weeks(0, 3)
	at := int64(monday + 3*week*3600)
	c.begin(at)
	north := c.of("north")
	for _, strange := range []int64{at + 10*365*86400, at + ahead + 1, 0, -5, at - 86400, 1} {
		c.count(north, strange)
	}
	require.Equal(t, at/3600-1, c.hour)
	c.count(north, at+1)
	require.Equal(t, at/3600, c.hour)
	require.Equal(t, uint32(1), north.hour)
	before := c.compared("north", at+30)
	c.count(north, at-minutes*60) // far too late
	require.Equal(t, before, c.compared("north", at+30))
	c.count(north, at-60) // answered before the turn, written after
	require.Equal(t, uint32(1), north.hour)
	require.Greater(t, c.compared("north", at+30), before)
	before = c.compared("north", at+30)
	c.count(north, at+30+ahead)
	require.Equal(t, before, c.compared("north", at+30), "of a clock that is ahead")
	c.begin(at - 5*86400) // our own clock was set back
	require.Zero(t, c.hour)
}

func TestHabitsAreKept(t *testing.T) {
	c := newClinic(t)
	c.weeks(0, 2)
	c.live(2*week, "north", 2)
	at := int64(monday + (2*week+1)*3600 - 1)
	text, err := json.Marshal(c.habits)
	require.NoError(t, err)
	require.Less(t, len(text), 1700)
	require.NotContains(t, string(text), "bystander", "of whom nothing is known")

	after := newHabits()
	after.begin(at)
	require.NoError(t, json.Unmarshal(text, after))
	require.Equal(t, *c.of("north"), *after.of("north"))
	require.Equal(t, []any{c.hour, c.whole, c.since}, []any{after.hour, after.whole, after.since})

	for _, spoilt := range []string{`7`, `{}`, `{"tenants":{"north":{"usual":"AAAA"}}}`, `{"hour":99999999999,"whole":true,"since":99999999999}`, `{"hour":-5,"since":-5}`} {
		after := newHabits()
		after.begin(at)
		require.NoError(t, after.UnmarshalJSON([]byte(spoilt)), spoilt)
		require.Zero(t, after.hour)
		require.LessOrEqual(t, after.since, at)
		after.count(after.of("north"), at)
		require.Equal(t, at/3600, after.hour)
	}
	spoilt := keptHabit{Usual: make([]byte, 4*week), Weeks: make([]byte, week)}
	for i := range spoilt.Usual {
		spoilt.Usual[i], spoilt.Weeks[i/4] = 0xff, 0xff // not a number, 255 weeks
	}
	binary.LittleEndian.PutUint32(spoilt.Usual[40:], math.Float32bits(-5))
	text, err = json.Marshal(kept{Tenants: map[string]keptHabit{"north": spoilt}})
	require.NoError(t, err)
	require.NoError(t, after.UnmarshalJSON(text))
	require.Equal(t, [week]uint8{}, after.of("north").weeks)
}

// The reader says what is out of line, and whose; over restarts, and for nobody else.
func TestSpike(t *testing.T) {
	d := newDesk(t)
	d.tally.habits.begin(recorded.Unix() - 3600)
	for _, tenant := range []string{"alpha", "gamma"} {
		h := d.tally.habits.of(tenant)
		for i := range h.usual {
			h.usual[i], h.weeks[i] = 400, 3
		}
	}
	lines := func(host string, n int) {
		for i := range n {
			d.write(fmt.Sprintf(`{"RequestMethod":"GET","RequestPath":"/my","RequestHost":"tenant_%s.example.test","DownstreamStatus":200,"Duration":5e8,"StartUTC":%q}`+"\n",
				host, recorded.Add(-time.Duration(i%600)*time.Second).Format(time.RFC3339)))
		}
	}
	lines("gamma", 100)
	lines("alpha", 499)
	require.InDelta(t, 499.0/(400*14.0/60), d.round()[`traefik_log_requests_to_usual_ratio{tenant="alpha"}`], 1e-4)
	require.Empty(t, d.findings(), "too few to matter")
	d.restart()
	lines("alpha", 1)
	all := d.round()
	require.InDelta(t, 500.0/(400*14.0/60), all[`traefik_log_requests_to_usual_ratio{tenant="alpha"}`], 1e-4)
	require.InDelta(t, 100.0/(400*14.0/60), all[`traefik_log_requests_to_usual_ratio{tenant="gamma"}`], 1e-4)
	require.Equal(t, []string{"request_spike"}, d.findings())
	require.Equal(t, "alpha", d.batch.Findings[0].Tenant)
	require.Equal(t, "500 requests in 15 minutes, 5.4 times what is usual in this hour of the week.", d.batch.Findings[0].Text)
}

// Where lines may be missing nothing is compared.
func TestNoRatioOfWhatIsNotRead(t *testing.T) {
	d := newDesk(t)
	h := d.tally.habits.of("alpha")
	for i := range h.usual {
		h.usual[i], h.weeks[i] = 400, 3
	}
	d.tally.habits.since = recorded.Unix() - 3600
	ratio := `traefik_log_requests_to_usual_ratio{tenant="alpha"}`
	require.Contains(t, d.round(), ratio)
	require.NoError(t, os.Truncate(d.log, 0))
	require.NotContains(t, d.round(), ratio, "lines may be missing")
}
