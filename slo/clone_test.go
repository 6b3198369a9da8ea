package slo

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCloneOutlivesTheNextEvaluation(t *testing.T) {
	o := promise(t)
	j := NewJudge(&o)
	burning, quiet := steady(10, 60), steady(10, 0)
	e := j.Evaluate(burning)
	want := j.Evaluate(burning)
	kept := e.Clone()
	j.Into(&e, &quiet)
	require.Equal(t, want, kept)
	require.True(t, kept.Conditions[0].Firing)
	require.Same(t, &kept.Burn[2], kept.Conditions[0].Long, "conditions point to the clone's own windows: %s", kept.Burn[2].Window)
}
