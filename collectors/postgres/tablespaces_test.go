package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// TestSizeOfTablespaces: it is asked once an hour, and told in between; one that could not be had
// is not asked again at once; of one that is gone nothing is kept.
func TestSizeOfTablespaces(t *testing.T) {
	c := clusterForTest(t, configFor(primary, "postgres"), Options{})
	const family = "pg_tablespace_size_bytes"
	for _, step := range []struct {
		name   string
		after  time.Duration
		space  string
		asked  bool
		answer map[string]string
		want   float64
		told   bool
	}{
		{"first", 0, "fast", true, map[string]string{"bytes": "100"}, 100, true},
		{"a minute later", time.Minute, "fast", false, nil, 100, true},
		{"an hour later", time.Hour, "fast", true, map[string]string{"bytes": "200"}, 200, true},
		{"an hour later, it fails", 2 * time.Hour, "fast", true, nil, 0, false},
		{"and is not known", 2*time.Hour + time.Minute, "fast", false, nil, 0, false},
		{"another in its place", 2*time.Hour + 2*time.Minute, "slow", true, map[string]string{"bytes": "7"}, 7, true},
		{"the first again", 2*time.Hour + 3*time.Minute, "fast", true, nil, 0, false},
		{"the one that takes all", 3 * time.Hour, "pg_default", false, nil, 0, false},
	} {
		b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, t0.Add(step.after))
		r := &round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}
		r.readSpaces(answered(map[string]string{"oid": "16400", "spcname": step.space, "databases": "1"}))
		require.Equal(t, step.asked, len(r.more) == 1, step.name)
		if step.answer != nil {
			r.more[0].read(r, answered(step.answer))
		}
		got, told := value(b.Batch(), family, "spcname", step.space)
		require.Equal(t, step.told, told, step.name)
		require.Equal(t, step.want, got, step.name)
	}
}
