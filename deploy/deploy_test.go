package deploy

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/rules"
	"github.com/wardround/wardround/slo"
)

var update = flag.Bool("update", false, "write the generated part of the files anew")

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestWardroundTakesItsConfiguration gives the example to the binary, with secrets that exist.
func TestWardroundTakesItsConfiguration(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("config/wardround.yaml")
	require.NoError(t, err)
	secrets := regexp.MustCompile(`/run/secrets/(\w+)`).FindAllSubmatch(text, -1)
	require.Greater(t, len(secrets), 2)
	for _, secret := range secrets {
		require.NoError(t, os.WriteFile(filepath.Join(dir, string(secret[1])), []byte("secret\n"), 0o600))
	}
	path := filepath.Join(dir, "wardround.yaml")
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte("/run/secrets"), []byte(dir)), 0o600))
	run(t, "go", "run", "../cmd/wardround", "check", "config", "--config.file="+path)
}

// TestPrometheusTakesItsConfiguration has it find the rules of the built-in objectives too, where
// the file says that they are.
func TestPrometheusTakesItsConfiguration(t *testing.T) {
	dir := t.TempDir()
	config, err := os.ReadFile("prometheus/prometheus.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), config, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "rules"), 0o700))
	objectives, err := slo.Catalogue()
	require.NoError(t, err)
	files, err := rules.Generate(objectives, rules.Options{Source: rules.FromDaemon})
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rules", f.Name), f.Content, 0o600))
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "rules found")
}

func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	run(t, "amtool", "check-config", "alertmanager/alertmanager.yml")
}

// TestAlertmanagerRoutes sends each kind of alert where the file's comments say.
func TestAlertmanagerRoutes(t *testing.T) {
	cases := map[string][]string{
		"on-call":  {"alertname=ErrorBudgetBurn", "severity=page", "tenant=north"},
		"tickets":  {"alertname=ErrorBudgetBurn", "severity=ticket"},
		"watchdog": {"alertname=Watchdog", "severity=none"},
	}
	for receiver, labels := range cases {
		t.Run(receiver, func(t *testing.T) {
			run(t, "amtool", append([]string{
				"config", "routes", "test", "--config.file=alertmanager/alertmanager.yml", "--verify.receivers=" + receiver,
			}, labels...)...)
		})
	}
}

// TestAlertmanagerInhibits keeps the file's rules those of the policies that there are.
func TestAlertmanagerInhibits(t *testing.T) {
	const path, heading = "alertmanager/alertmanager.yml", "inhibit_rules:\n"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, _, found := strings.Cut(string(text), heading)
	require.True(t, found)
	known, err := slo.DefaultPolicies()
	require.NoError(t, err)
	policies := slices.SortedFunc(maps.Values(known), func(a, b slo.Policy) int { return strings.Compare(a.Name, b.Name) })
	var want bytes.Buffer
	encoder := yaml.NewEncoder(&want)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(map[string]any{"inhibit_rules": rules.InhibitRules(policies, []string{"tenant", "target"})}))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+want.String()), 0o644))
		return
	}
	require.Empty(t, cmp.Diff(before+want.String(), string(text)))
}

func TestSystemdTakesTheUnit(t *testing.T) {
	unit, err := os.ReadFile("systemd/wardround.service")
	require.NoError(t, err)
	// The program need not be installed where the unit is checked.
	text := strings.Replace(string(unit), "ExecStart=/usr/bin/wardround ", "ExecStart=/bin/true ", 1)
	require.NotEqual(t, string(unit), text)
	path := filepath.Join(t.TempDir(), "wardround.service")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "wardround.service", "systemd has remarks on the unit")
}

// compose is the part of a Compose file on which an installation's safety stands.
type compose struct {
	Services map[string]struct {
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Image       string   `yaml:"image"`
		Ports       []string `yaml:"ports"`
		Volumes     []string `yaml:"volumes"`
		Secrets     []string `yaml:"secrets"`
	} `yaml:"services"`
	Volumes map[string]any               `yaml:"volumes"`
	Secrets map[string]map[string]string `yaml:"secrets"`
}

func TestComposeIsHardenedAndWhole(t *testing.T) {
	text, err := os.ReadFile("compose/compose.yaml")
	require.NoError(t, err)
	var file compose
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Services, 3)
	for name, service := range file.Services {
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		for _, port := range service.Ports {
			require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s listens to the world at %s", name, port)
		}
		for _, secret := range service.Secrets {
			require.Contains(t, file.Secrets, secret)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, ".") {
				require.Contains(t, file.Volumes, source)
			} else if source != "./wardround.yaml" { // which the operator writes
				require.DirExists(t, filepath.Join("compose", source))
			}
		}
	}
}
