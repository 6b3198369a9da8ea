package simulate

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var update = flag.Bool("update", false, "write golden files anew")

// rehearsal is a result in which there is something of everything: three tenants,
// of which one fails, one falls silent and one is sound, an hour in which nobody
// watched, and variants of all kinds.
func rehearsal(t *testing.T) *Result {
	t.Helper()
	h := NewHistory()
	for m := range 4 * 1440 {
		if m >= 3000 && m < 3060 {
			continue
		}
		deltas := []slo.Delta{{Instance: tenant("st-anna"), Counts: *outage(4000, 4030)(m)}, {Instance: tenant("sound"), Counts: slo.Counts{Good: 3}}}
		if m < 5600 {
			deltas = append(deltas, slo.Delta{Instance: tenant("silent"), Counts: *outage(5590, 5600)(m)})
		}
		require.NoError(t, h.Add(at(m), deltas))
	}
	policies, err := slo.DefaultPolicies()
	require.NoError(t, err)
	recorded := promise(t, "targets: {default: 99.9%, dedicated: 99.99%}")
	variants := []Variant{{"recorded", recorded}}
	for _, text := range []string{"target=99%", "name=by month, window=month@Europe/Berlin", "name=calm, target=95%, policy=tickets"} {
		v, err := ParseVariant(recorded, policies, text)
		require.NoError(t, err)
		variants = append(variants, v)
	}
	opts := Options{From: at(2 * 1440), Tier: func(i slo.Instance) string {
		return map[string]string{"st-anna": "dedicated"}[i.Tenant()]
	}}
	return replayed(t, h, opts, variants...)
}

func TestGolden(t *testing.T) {
	r := rehearsal(t)
	for name, write := range map[string]func(io.Writer) error{
		"result.txt":    func(w io.Writer) error { return r.WriteText(w, TextOptions{Alerts: 5, Instances: 2}) },
		"result.json":   r.WriteJSON,
		"alerts.csv":    r.WriteAlertsCSV,
		"instances.csv": r.WriteInstancesCSV,
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			require.NoError(t, write(&got))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), got.String()))
			require.Error(t, write(failing{}))
		})
	}
}

// failing is a terminal that is gone.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestNumbers(t *testing.T) {
	text, err := json.Marshal([]Number{0.5, Number(unknown())})
	require.NoError(t, err)
	require.JSONEq(t, `[0.5,null]`, string(text))
	n := Number(unknown())
	n.raise(unknown())
	require.Empty(t, n.csv())
	n.raise(2)
	n.raise(1)
	n.raise(unknown())
	require.Equal(t, Number(2), n)
	for f, want := range map[float64]string{0: "0.00", 0.031: "0.03", 9.994: "9.99", 12.34: "12.3", 123.4: "123", 1666.6: "1667", -2: "-2.00"} {
		require.Equal(t, want, significant(f))
	}
	require.Equal(t, "'=1+1", plain("=1+1"), "a spreadsheet would compute it")
}

func unknown() float64 { return math.NaN() }

func TestLimitsOfText(t *testing.T) {
	r := rehearsal(t)
	var got bytes.Buffer
	require.NoError(t, r.WriteText(&got, TextOptions{}))
	require.NotContains(t, got.String(), "worst first")
	require.NotContains(t, got.String(), "alerts")
	got.Reset()
	require.NoError(t, r.WriteText(&got, DefaultTextOptions()))
	require.Contains(t, got.String(), "recorded: budgets, worst first\n")
}
