package slo

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInstanceText(t *testing.T) {
	for want, i := range map[string]Instance{
		"drift":                        NewInstance("drift"),
		`login{tenant="st-anna"}`:      NewInstance("login", Label{"tenant", "st-anna"}),
		`jobs{channel="a",tenant="b"}`: NewInstance("jobs", Label{"tenant", "b"}, Label{"channel", "a"}),
		`x{a="1,b=\"{}\\\n\"",c="ü"}`:  NewInstance("x", Label{"c", "ü"}, Label{"a", "1,b=\"{}\\\n\""}),
	} {
		require.Equal(t, want, i.String())
		back, err := ParseInstance(want)
		require.NoError(t, err)
		require.Equal(t, i, back)
		require.Contains(t, map[Instance]bool{i: true}, back, "comparable")
	}
	i := NewInstance("x", Label{"tenant", `b"c`}, Label{"a", "1,tenant=2"})
	require.Equal(t, `b"c`, i.Tenant())
	require.Equal(t, "1,tenant=2", i.Get("a"))
	require.Empty(t, i.Get("b"))
	for _, text := range []string{`x{`, `x{}`, `x{a}`, `x{a="1"`, `x{a=1}`} {
		_, err := ParseInstance(text)
		require.Error(t, err, text)
	}
}
