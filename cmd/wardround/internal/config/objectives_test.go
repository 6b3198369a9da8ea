package config

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
)

func TestWhatObjectivesNeedBesides(t *testing.T) {
	c, err := Parse("wardround.yaml", []byte(good+`
objectives: {files: [testdata/partner.yaml], exclusions: [testdata/sundays.yaml]}
sources: [{name: fleet, url: 'http://127.0.0.1:9090', http: {http_headers: {X-Scope-OrgID: {values: [clinics]}}}}]
api: {tokens: [{name: desk, token: 0123456789abcdef}]}
`))
	require.NoError(t, err)
	require.Len(t, c.Sources, 1)
	require.Equal(t, 30*time.Second, time.Duration(c.Sources[0].Timeout), "what is left out has its default")
	require.Equal(t, "sundays", c.Exclusions[0].ID)
	require.Equal(t, "testdata/sundays.yaml", c.Exclusions[0].File)
	require.Equal(t, map[string]promconfig.Secret{"desk": "0123456789abcdef"}, c.Tokens)
	require.Equal(t, LedgerConfig{Retention: 400 * 24 * time.Hour, Grace: 24 * time.Hour}, c.Ledger)
}

// TestTheHashIsOfAllFiles: what was promised is part of what the evidence says was in force.
func TestTheHashIsOfAllFiles(t *testing.T) {
	dir := t.TempDir()
	hash := func(target string) string {
		text, err := os.ReadFile("testdata/partner.yaml")
		require.NoError(t, err)
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("99%"), []byte(target)), []byte("  source: fleet\n"), nil)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "partner.yaml"), text, 0o600))
		c, err := Parse(filepath.Join(dir, "wardround.yaml"), []byte(good+"objectives: {files: [partner.yaml]}\n"))
		require.NoError(t, err)
		return c.Hash
	}
	before := hash("99%")
	require.NotEqual(t, before, hash("99.5%"))
	require.Equal(t, before, hash("99%"), "the same again")
}
