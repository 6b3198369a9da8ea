package indicator

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

// vector is a script of samples and what they come to.
type vector struct {
	Name       string
	About      []string // the objectives whose lines are compared
	Objectives string   // those of testdata/objectives.yaml where empty
	Lookback   time.Duration
	Script     string
}

// sampled are the labels of a scripted sample.
type sampled struct {
	labels.Labels
	created time.Time
}

func (s sampled) Block() string      { return s.String() }
func (s sampled) Created() time.Time { return s.created }

func TestVectors(t *testing.T) {
	promises, err := os.ReadFile("testdata/objectives.yaml")
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/vectors/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var vectors []vector
		require.NoError(t, yaml.Unmarshal(data, &vectors))
		for _, v := range vectors {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml")+"/"+v.Name, func(t *testing.T) {
				if v.Objectives == "" {
					v.Objectives = string(promises)
				}
				v.play(t)
			})
		}
	}
}

// play feeds the script to an Engine and compares it with itself, the answers
// replaced by those that were given.
func (v vector) play(t *testing.T) {
	all := parse(t, v.Objectives)
	require.NoError(t, slo.Link(all))
	opts := DefaultOptions()
	opts.Lookback = v.Lookback
	e, err := New(all, opts)
	require.NoError(t, err)
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(v.Script), "\n") {
		if strings.HasPrefix(line, "=") {
			continue
		}
		at, rest, _ := strings.Cut(line, " ")
		what, rest, _ := strings.Cut(rest, " ")
		got = append(got, v.step(t, e, clock(t, at), what, rest, line)...)
	}
	require.Equal(t, strings.TrimSpace(v.Script), strings.Join(got, "\n"))
}

// step does one line and answers what the script should say of it.
func (v vector) step(t *testing.T, e *Engine, at time.Time, what, rest, line string) []string {
	words := strings.Fields(rest)
	switch what {
	case "drain":
		return append([]string{line}, v.lines(e.Drain(at))...)
	case "rest":
		e.Rest(words[0], clock(t, words[1]), clock(t, words[2]))
	case "forget":
		e.Forget(words[0])
	case "problem":
		var got []string
		for _, p := range e.Problems() {
			if slices.Contains(v.About, p.Objective) {
				got = append(got, at.Format(time.TimeOnly)+" problem "+p.Objective+": "+p.Text)
			}
		}
		return got
	default:
		rest, since, dated := strings.Cut(rest, " since ")
		metric, value, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(rest)
		require.NoError(t, err, line)
		s := sampled{Labels: metric}
		if dated {
			s.created = clock(t, since)
		}
		e.Observe(at, what, metric.Get("__name__"), s, value[0].Value)
	}
	return []string{line}
}

// lines are deltas as a script has them.
func (v vector) lines(deltas []slo.Delta) []string {
	var all []string
	for _, d := range deltas {
		if slices.Contains(v.About, d.Instance.Objective) {
			all = append(all, "= "+text(d))
		}
	}
	return all
}

func text(d slo.Delta) string {
	line := fmt.Sprintf("%s %d/%d", d.Instance, d.Counts.Good, d.Counts.Bad)
	if d.Carried {
		line += " carried"
	}
	return line
}

// clock is a time of day on the day of noon.
func clock(t *testing.T, text string) time.Time {
	at, err := time.Parse(time.TimeOnly, text)
	require.NoError(t, err)
	return noon.Truncate(24 * time.Hour).Add(at.Sub(at.Truncate(24 * time.Hour)))
}
