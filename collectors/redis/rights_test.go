package redis

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// TestGrantsAreEnough logs in as the user that Grants makes: nothing may be unavailable. Then it
// takes each right away: nothing but its own part may be missing, and the note says what to grant.
func TestGrantsAreEnough(t *testing.T) {
	r := start(t, nil)
	do(t, r, "RPUSH", "queue:mail", "x", "y")
	c := Config{Address: r.Addr(), Username: "watcher", Password: password, Keys: []Key{{Name: "queue:mail"}, {Name: "none", DB: 2}}}
	grant := func(more ...string) {
		var words []any
		for word := range strings.FieldsSeq(strings.Replace(Grants(c), "PASSWORD", password, 1)) {
			words = append(words, word)
		}
		for _, word := range more {
			words = append(words, word)
		}
		do(t, r, "ACL", "DELUSER", "watcher")
		do(t, r, words...)
	}
	cases := map[string]struct{ without, unavailable, absent, hint string }{
		"all":           {"", "", "", ""},
		"no settings":   {"-config|get", "settings", "redis_config_value", "ACL SETUSER watcher +config|get"},
		"no slow log":   {"-slowlog|len", "slowlog", "redis_slowlog_length", "ACL SETUSER watcher +slowlog|len"},
		"no spikes":     {"-latency|latest", "latency_spikes", "redis_latency_spike_", "ACL SETUSER watcher +latency|latest"},
		"no name":       {"-client|setname", "", "", ""},
		"no lengths":    {"-llen", "keys", `redis_key_size{db="db0",key="queue:mail"}`, "+llen"},
		"no databases":  {"-select", "keys", `key="none"`, "+select"},
		"no such a key": {"resetkeys", "keys", "redis_key_size", "~KEY"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			grant(strings.Fields(test.without)...)
			batch, notes := visit(t, server(t, c))
			text := shown(batch)
			require.Contains(t, text, "redis_up 1\n")
			unavailable := linesWith(text, "wardround_indicator_unavailable{")
			if test.unavailable == "" {
				require.Empty(t, unavailable)
				require.Contains(t, text, `redis_key_size{db="db0",key="queue:mail"} 2`)
				return
			}
			require.Equal(t, []string{`wardround_indicator_unavailable{collector="redis",indicator="` + test.unavailable + `",reason="permission"} 1`}, unavailable)
			require.NotContains(t, text, test.absent)
			require.Contains(t, text, "redis_memory_used_bytes")
			require.True(t, slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, test.hint) }), "%q", notes)
		})
	}
}

// TestGrantsAllowNothingElse tries every command of the server as the user that Grants makes, and a
// key of others.
func TestGrantsAllowNothingElse(t *testing.T) {
	r := start(t, nil)
	c := Config{Username: "watcher", Keys: []Key{{Name: "queue:mail"}}}
	words := func(line string) (all []any) {
		for word := range strings.FieldsSeq(line) {
			all = append(all, word)
		}
		return all
	}
	do(t, r, words(strings.Replace(Grants(c), "PASSWORD", password, 1))...)
	admin := administrator(r, 0)
	defer func() { require.NoError(t, admin.Close()) }()
	commands, err := admin.Do(t.Context(), "COMMAND", "LIST").StringSlice()
	require.NoError(t, err)
	tried := func(line string) string {
		answer, err := admin.Do(t.Context(), append([]any{"ACL", "DRYRUN", "watcher"}, words(line)...)...).Text()
		if err != nil {
			return err.Error()
		}
		return answer
	}
	var allowed []string
	for _, command := range commands {
		line := strings.ReplaceAll(command, "|", " ")
		said := tried(line)
		for n := 0; n < 9 && strings.Contains(said, "wrong number of arguments"); n++ {
			line += " queue:mail"
			said = tried(line)
		}
		if said == "OK" {
			allowed = append(allowed, command)
		}
	}
	everybody := " hello auth reset quit" // may be sent before there is a user
	require.ElementsMatch(t, strings.Fields("info client|setname config|get slowlog|len latency|latest select type llen scard zcard xlen hlen strlen"+everybody), allowed)
	require.Contains(t, tried("llen queue:other"), "no permissions")
}

func TestGrantsNamesOnlyWhatIsNeeded(t *testing.T) {
	require.Equal(t, "ACL SETUSER wardround on >PASSWORD -@all +info +client|setname +config|get +slowlog|len +latency|latest", Grants(Config{}))
	require.Contains(t, Grants(Config{Cluster: true}), " +cluster|nodes +cluster|info")
	require.Contains(t, Grants(Config{DB: 3}), " +select")
	require.Contains(t, Grants(Config{Keys: []Key{{Name: "a[*]?"}}}), ` ~a\[\*]\?`)
}

// TestClusterGrantsAreEnough does the same on a cluster, with as few rights.
func TestClusterGrantsAreEnough(t *testing.T) {
	node := platform.RedisClusterForTest(t, 1, nil)[0]
	c := Config{Addresses: []string{node.Addr()}, Cluster: true, Username: "watcher", Password: password, Keys: []Key{{Name: "queue"}}}
	require.NoError(t, node.Command(t.Context(), strings.Replace(Grants(c), "PASSWORD", password, 1)))
	text := eventually(t, server(t, c), `redis_cluster_state{node="`+node.Addr()+`"} 1`, `redis_key_size{node="`+node.Addr()+`",db="db0",key="queue"} 0`)
	require.Empty(t, linesWith(text, "wardround_indicator_unavailable{"))
}

// TestConfigIsForbidden is a server of a provider who took CONFIG away, and the rule for snapshots
// from our configuration.
func TestConfigIsForbidden(t *testing.T) {
	r := start(t, map[string]string{"rename-command": `CONFIG ""`})
	do(t, r, "SET", "a", "1")
	c := Config{Address: r.Addr(), Password: password, Save: "900 1 60 1000"}
	s := server(t, c)
	text := shown(collect(t, s))
	require.Contains(t, text, `wardround_indicator_unavailable{collector="redis",indicator="settings",reason="missing"} 1`)
	require.Contains(t, text, "redis_rdb_rule_seconds 900\n")
	require.Contains(t, text, "redis_rdb_due_timestamp_seconds ")
	require.NotContains(t, text, `redis_writes_refused{reason="persistence"}`, "that depends on a setting")
	_, known := s.Settings()
	require.False(t, known)

	c.Save = ""
	require.NotContains(t, shown(collect(t, server(t, c))), "redis_rdb_rule")
}
