package slo

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		text string
		want Ratio
		err  string
	}{
		{"99.9%", 999_000_000, ""},
		{"99.9 %", 999_000_000, ""},
		{"0.999", 999_000_000, ""},
		{"0.9990", 999_000_000, ""},
		{"50%", 500_000_000, ""},
		{"99.9999999%", 999_999_999, ""},
		{"0.000000001", 1, ""},
		{"0.0000000001", 0, "more digits than a part per billion"},
		{"99.99999999%", 0, "more digits than a part per billion"},
		{"99.9", 0, "write 99.9%"},
		{"100%", 0, "leaves no error budget"},
		{"1", 0, "leaves no error budget"},
		{"1.0", 0, "leaves no error budget"},
		{"0%", 0, "promises nothing"},
		{"101%", 0, "more than 100%"},
		{"-1%", 0, "write a decimal"},
		{"1e-3", 0, "write a decimal"},
		{".5", 0, "write a decimal"},
		{"5.", 0, "write a decimal"},
		{"", 0, "write a decimal"},
		{"ninety", 0, "write a decimal"},
		{"99999999999999999999%", 0, "too large"},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := ParseTarget(c.text)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestRatioText(t *testing.T) {
	for text, r := range map[string]Ratio{
		"99.9%": 999_000_000, "0.1%": 1_000_000, "100%": One, "0%": 0, "99.9999999%": 999_999_999, "-0.05%": -500_000, "50%": One / 2,
	} {
		require.Equal(t, text, r.String())
	}
	require.Equal(t, "0.1%", Ratio(999_000_000).Budget().String(), "no float dust")
}

func TestRatioSurvivesJSON(t *testing.T) {
	data, err := json.Marshal(Ratio(999_500_000))
	require.NoError(t, err)
	require.Equal(t, `"99.95%"`, string(data))
	var back Ratio
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, Ratio(999_500_000), back)
}

func FuzzParseRatio(f *testing.F) {
	f.Add("99.9%")
	f.Add("0.000000001")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRatio(text)
		if err != nil {
			return
		}
		require.True(t, r >= 0 && r <= One)
		again, err := ParseRatio(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
