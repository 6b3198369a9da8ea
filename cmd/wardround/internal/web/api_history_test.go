package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func (c *client) history(query url.Values) HistoryJSON {
	c.Helper()
	w := c.get("/api/v1/history?" + query.Encode())
	require.Equal(c, http.StatusOK, w.Code, "%s", w.Body)
	var answer HistoryJSON
	require.NoError(c, json.Unmarshal(w.Body.Bytes(), &answer))
	for i := 1; i < len(answer.Points); i++ {
		require.Equal(c, answer.Points[i-1].To, answer.Points[i].From, "no gaps")
	}
	require.Equal(c, []time.Time{answer.From, answer.To}, []time.Time{answer.Points[0].From, answer.Points[len(answer.Points)-1].To})
	return answer
}

func TestHistoryCoversWhatIsAsked(t *testing.T) {
	south := slo.NewInstance("login", slo.Label{Name: "tenant", Value: "south"})
	at := func(text string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return at
	}
	for name, test := range map[string]struct {
		query    url.Values
		from, to string
		points   int
		first    int64 // minutes of the first point
	}{
		"the last hundred hours": {url.Values{}, "2026-11-17T18:00:00Z", "2026-11-21T22:00:00Z", 100, 60},
		"minutes":                {url.Values{"step": {"minute"}}, "2026-11-21T20:20:00Z", "2026-11-21T22:00:00Z", 100, 1},
		"days, not over":         {url.Values{"step": {"day"}, "from": {"2026-11-20T12:00:00Z"}}, "2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z", 2, 1440},
		"whole hours":            {url.Values{"from": {"2026-11-20T12:30:00Z"}, "to": {"2026-11-20T13:30:00Z"}}, "2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z", 2, 60},
		"a zone in the query":    {url.Values{"from": {"2026-11-20T13:00:00+01:00"}, "to": {"2026-11-20T14:00:00+01:00"}}, "2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z", 1, 60},
		"a day of 25 hours":      {url.Values{"step": {"day"}, "zone": {"Europe/Vienna"}, "from": {"2026-10-25T06:00:00Z"}, "to": {"2026-10-26T06:00:00Z"}}, "2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z", 2, 1500},
		"as many as there may be": {
			url.Values{"step": {"minute"}, "from": {"2026-11-18T10:40:00Z"}, "to": {"2026-11-21T22:00:00Z"}}, "2026-11-18T10:40:00Z", "2026-11-21T22:00:00Z", 5000, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			test.query.Set("instance", south.String())
			h := c.history(test.query)
			require.Equal(t, []time.Time{at(test.from), at(test.to)}, []time.Time{h.From, h.To})
			require.Len(t, h.Points, test.points)
			require.Equal(t, test.first, h.Points[0].Measured)
			require.Equal(t, uint64(test.first), *h.Points[0].Bad)
			require.InDelta(t, 0.1, *h.Points[0].ErrorRatio, 1e-12)
		})
	}
}

func TestHistoryAddsInstances(t *testing.T) {
	c := newClient(t)
	hours := url.Values{"objective": {"login"}}
	require.Equal(t, 3, c.history(hours).Instances)
	require.EqualValues(t, 3*60, c.history(hours).Points[0].Measured)
	hours["tenant"] = []string{"north", "east"}
	h := c.history(hours)
	require.Equal(t, 2, h.Instances)
	require.EqualValues(t, 2*60, *h.Points[0].Bad)
	hours["tenant"] = []string{"nobody"}
	h = c.history(hours)
	require.Zero(t, h.Instances)
	require.Nil(t, h.Points[0].Bad, "nothing was measured: nothing is known")
	require.Nil(t, h.Points[0].ErrorRatio)

	unknown := c.history(url.Values{"instance": {`login{tenant="long gone"}`}})
	require.Equal(t, 1, unknown.Instances)
	require.Zero(t, unknown.Points[0].Expected)
}

func TestHistoryWithAndWithoutExclusions(t *testing.T) {
	c := newClient(t)
	require.Equal(t, http.StatusCreated, c.send(http.MethodPost, "/api/v1/exclusions", encoded(t, maintenance("m"))).Code)
	hour := url.Values{"objective": {"login"}, "tenant": {"south"}, "from": {"2026-11-21T20:00:00Z"}}
	h := c.history(hour)
	require.EqualValues(t, 60, h.Points[0].Excluded)
	require.Nil(t, h.Points[0].Bad)
	require.Zero(t, h.Points[1].Excluded)
	hour["raw"] = []string{"true"}
	h = c.history(hour)
	require.True(t, h.Raw)
	require.Zero(t, h.Points[0].Excluded)
	require.EqualValues(t, 60, *h.Points[0].Bad)
}

func TestAHistoryOfAFleetIsBounded(t *testing.T) {
	c := newClient(t)
	c.state.Evaluations = fleet(t, 10_000)
	w := c.get("/api/v1/history?objective=login&step=minute&from=2026-11-21T05:00:00Z")
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, refused(t, w).Problem, "1020 points of 5000 instances")
	require.Equal(t, 5000, c.history(url.Values{"objective": {"login"}, "from": {"2026-11-21T05:00:00Z"}}).Instances)
}

func TestPeriodsAreFilteredAndPaged(t *testing.T) {
	c := newClient(t)
	c.memory.periods = c.closed(t)
	for query, want := range map[string]int{
		"": 6, "tenant=south": 3, "objective=gone": 0, "from=2026-08-01T00:00:00Z": 4, "to=2026-09-01T00:00:00Z": 4,
		"from=2026-08-01T00:00:00Z&to=2026-09-01T00:00:00Z": 2, "question=healthy": 6, "question=recoverable": 0, "status=ok": 6, "tier=dedicated": 0,
	} {
		var page PeriodsJSON
		require.NoError(t, json.Unmarshal(c.get("/api/v1/periods?"+query).Body.Bytes(), &page))
		require.Equal(t, want, page.Total, query)
	}
	var seen []string
	for cursor := ""; ; {
		var page PeriodsJSON
		require.NoError(t, json.Unmarshal(c.get("/api/v1/periods?limit=4"+cursor).Body.Bytes(), &page))
		for _, p := range page.Periods {
			seen = append(seen, *p.Tenant+" "+p.PeriodFrom.Format("01"))
		}
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + *page.NextCursor
		c.memory.periods = append(c.closed(t)[:1:1], c.closed(t)[2:]...) // one that was seen is gone
	}
	require.Equal(t, []string{"north 07", "north 08", "north 09", "south 07", "south 08", "south 09"}, seen)
}

func TestPeriodsOfWhatIsPromisedNoMoreAreKept(t *testing.T) {
	c := newClient(t)
	c.memory.periods = c.closed(t)
	c.state.Objectives, c.state.Evaluations = nil, nil
	var page PeriodsJSON
	require.NoError(t, json.Unmarshal(c.get("/api/v1/periods?objective=login&tenant=north").Body.Bytes(), &page))
	require.Equal(t, 3, page.Total)
}
