package sql

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		set  func(*Config)
		want string // a part of the problem; "" for none
	}{
		"nothing wrong":      {func(*Config) {}, ""},
		"a comment first":    {func(c *Config) { c.Query = "-- mine\n(SELECT 1 AS n)" }, ""},
		"a common table":     {func(c *Config) { c.Query = "WITH x AS (SELECT 1) SELECT 1 AS n" }, ""},
		"no name":            {func(c *Config) { c.Name = "" }, "name: "},
		"no query":           {func(c *Config) { c.Query = " " }, "query: is missing"},
		"it deletes":         {func(c *Config) { c.Query = "DELETE FROM CANARY" }, "query: must begin with"},
		"where":              {func(c *Config) { c.Where = "" }, "where: "},
		"tenants of cluster": {func(c *Config) { c.Where, c.Tenants = WhereCluster, "x" }, "tenants: is for"},
		"series of cluster":  {func(c *Config) { c.Where, c.Series = WhereCluster, []string{"18.0"} }, "series: is for"},
		"no database":        {func(c *Config) { c.Where, c.Database = WhereCluster, "" }, "database: "},
		"owner of tenants":   {func(c *Config) { c.Owner = "x" }, "owner: is for"},
		"a bad pattern":      {func(c *Config) { c.Tenants = "(" }, "tenants: is not"},
		"a bad series":       {func(c *Config) { c.Series = []string{"eighteen"} }, "series[0]: "},
		"too often":          {func(c *Config) { c.Interval = model.Duration(time.Second) }, "interval: "},
		"too long":           {func(c *Config) { c.Timeout = model.Duration(time.Hour) }, "timeout: "},
		"no metrics":         {func(c *Config) { c.Metrics = nil }, "metrics: is empty"},
		"no type":            {func(c *Config) { c.Metrics[0].Type = "" }, "metrics[0].type: "},
		"no value":           {func(c *Config) { c.Metrics[0].Value = "" }, "metrics[0].value: "},
		"a lying name":       {func(c *Config) { c.Metrics[0].Name = "x_total" }, "counters, and only they"},
		"a missing unit":     {func(c *Config) { c.Metrics[0].Unit = "seconds" }, "name must end in its unit"},
		"no help":            {func(c *Config) { c.Metrics[0].Help = "" }, "help must be"},
		"a name of ours":     {func(c *Config) { c.Metrics[0].Name = "slo_burn_rate" }, "metrics[0].name: "},
		"twice":              {func(c *Config) { c.Metrics = append(c.Metrics, c.Metrics[0]) }, "metrics[1].name: \"clinic_orders\" is there twice"},
		"a label of ours":    {func(c *Config) { c.Metrics[0].Labels = []Label{{Name: "tenant", Pattern: "x"}} }, "label tenant is added"},
		"a label for all":    {func(c *Config) { c.Metrics[0].Labels = []Label{{Name: "a"}} }, "metrics[0].labels[0]: needs values"},
		"a label twice": {func(c *Config) {
			c.Metrics[0].Labels = []Label{{Name: "a", Pattern: "x"}, {Name: "a", Pattern: "x"}}
		}, "metrics[0].labels[1].name: \"a\" is there twice"},
		"a label's pattern": {func(c *Config) { c.Metrics[0].Labels = []Label{{Name: "a", Pattern: "("}} }, "metrics[0].labels[0].pattern: "},
		"a label's number":  {func(c *Config) { c.Metrics[0].Labels = []Label{{Name: "a", Pattern: "x", Max: -1}} }, "metrics[0].labels[0].max: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := asking("SELECT 1 AS n")
			tc.set(&c)
			err := c.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestCollisions(t *testing.T) {
	taken := collectors.Catalogue{{Name: "clinic_orders"}}
	_, err := New([]Config{asking("SELECT 1 AS n")}, Options{Tenants: collectors.NewRegistry(), Taken: taken})
	require.ErrorContains(t, err, "[0].metrics[0].name: \"clinic_orders\" is a metric that this daemon has already")
	_, err = New([]Config{asking("SELECT 1 AS n"), asking("SELECT 1 AS n")}, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "[1].name: \"mine\" is there twice")
	require.ErrorContains(t, err, "[1].metrics[0].name: \"clinic_orders\" is another indicator's metric")
}

func TestQueriesAreNotPrinted(t *testing.T) {
	c := asking("SELECT 'CANARY' AS n")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "sql indicator mine", fmt.Sprintf(verb, c))
	}
}

func FuzzEmit(f *testing.F) {
	f.Add("1", "open", "2", "done")
	f.Add("true", "", "NaN", "\xff")
	f.Add("1e309", "open", "-0", "open")
	c := orders()
	made, err := newIndicator(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n1, s1, n2, s2 string) {
		b := collectors.NewBuilder(collectors.Key{Collector: "sql", Target: "t", Tenant: "n"}, time.Now())
		rows := [][][]byte{{[]byte(n1), []byte(s1), []byte(n2)}, {[]byte(n2), []byte(s2), nil}}
		made.emit(b, rows, func(string) string { return "" })
		batch := b.Batch()
		require.LessOrEqual(t, batch.Len(), 4)
		for _, family := range batch.Families {
			for _, s := range family.Samples {
				require.Regexp(t, `^(open|done|[a-z]{1,100})$`, s.Values[0])
			}
		}
	})
}
