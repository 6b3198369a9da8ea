package redis

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/testdata/platform"
)

const patience, often = time.Minute, 100 * time.Millisecond

func TestSentinelsAndFailover(t *testing.T) {
	settings := map[string]string{"requirepass": password, "masterauth": password}
	primary := platform.RedisForTest(t, platform.RedisOptions{Settings: settings})
	replica := platform.RedisForTest(t, platform.RedisOptions{Settings: map[string]string{
		"requirepass": password, "masterauth": password, "replicaof": "127.0.0.1 " + port(primary),
	}})
	do(t, primary, "RPUSH", "queue:mail", "CANARY", "CANARY")
	var sentinels []*platform.Redis
	c := Config{Sentinel: &Sentinel{Master: "sessions"}, Password: password, Keys: []Key{{Name: "queue:mail"}}}
	for range 3 {
		sentinel := platform.SentinelForTest(t, platform.SentinelOptions{Master: "sessions", Primary: primary, Password: password, Quorum: 2})
		sentinels = append(sentinels, sentinel)
		c.Addresses = append(c.Addresses, sentinel.Addr())
	}
	s := server(t, c)

	at := func(name string, r *platform.Redis, more string) string {
		return name + `{node="` + r.Addr() + `"` + more + `}`
	}
	master := func(r *platform.Redis) string { return `,master_name="sessions",master_address="` + r.Addr() + `"` }
	text := eventually(t, s,
		at("redis_up", primary, "")+" 1\n", at("redis_up", replica, "")+" 1\n",
		at("redis_sentinel_up", sentinels[0], "")+" 1\n",
		at("redis_sentinel_master_status", sentinels[1], master(primary))+" 1\n",
		at("redis_sentinel_master_slaves", sentinels[2], master(primary))+" 1\n",
		at("redis_sentinel_master_ok_sentinels", sentinels[2], master(primary))+" 3\n",
		at("redis_sentinel_master_ckquorum_status", sentinels[0], `,master_name="sessions"`)+" 1\n",
		at("redis_key_size", primary, `,db="db0",key="queue:mail"`)+" 2\n",
		at("redis_sentinel_master_setting_down_after_seconds", sentinels[0], master(primary))+" 0.5\n",
	)
	require.Contains(t, text, `redis_instance_info{node="`+primary.Addr()+`",role="master"`)
	require.Contains(t, text, `redis_instance_info{node="`+replica.Addr()+`",role="slave"`)
	require.NotContains(t, text, at("redis_key_size", replica, `,db="db0",key="queue:mail"`), "keys are told by the primary alone")
	require.NotContains(t, text, "CANARY")

	require.NoError(t, primary.Kill())
	text = eventually(t, s,
		at("redis_up", primary, "")+" 0\n", at("redis_up", replica, "")+" 1\n",
		`redis_instance_info{node="`+replica.Addr()+`",role="master"`,
		at("redis_sentinel_master_status", sentinels[0], master(replica))+" 1\n",
		at("redis_key_size", replica, `,db="db0",key="queue:mail"`)+" 2\n",
		`wardround_finding{collector="redis",finding="redis_node_down",`,
	)
	require.NotContains(t, text, at("redis_memory_used_bytes", primary, ""), "one that is down says nothing else")

	require.NoError(t, primary.Start(t.Context()))
	eventually(t, s, at("redis_up", primary, "")+" 1\n")

	for _, sentinel := range sentinels {
		require.NoError(t, sentinel.Kill())
	}
	text = shown(collect(t, s))
	require.Contains(t, text, at("redis_sentinel_up", sentinels[0], "")+" 0\n")
	require.Contains(t, text, at("redis_up", replica, "")+" 1\n", "the servers are known")
	require.Contains(t, text, `wardround_indicator_unavailable{collector="redis",indicator="topology",reason="unreachable"} 1`)
}

func port(r *platform.Redis) string { return strings.TrimPrefix(r.Addr(), "127.0.0.1:") }

// eventually visits until the page has all that is wanted, and returns it.
func eventually(t *testing.T, s *Server, want ...string) string {
	t.Helper()
	var text string
	missing := func() []string {
		var missing []string
		for _, line := range want {
			if !strings.Contains(text, line) {
				missing = append(missing, line)
			}
		}
		return missing
	}
	if !eventuallyTrue(func() bool {
		b := collectors.NewBuilder(s.Visit().Key, time.Now())
		if err := s.Collect(t.Context(), b); err != nil {
			return false
		}
		text = shown(b.Batch())
		return len(missing()) == 0
	}) {
		require.Empty(t, missing(), text)
	}
	return text
}

func eventuallyTrue(holds func() bool) bool {
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(often)
	defer tick.Stop()
	for !holds() {
		select {
		case <-end.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

func TestNoSentinelAnswers(t *testing.T) {
	sentinel := platform.RedisForTest(t, platform.RedisOptions{})
	require.NoError(t, sentinel.Kill())
	s := server(t, Config{Addresses: []string{sentinel.Addr()}, Sentinel: &Sentinel{Master: "sessions"}})
	b := collectors.NewBuilder(s.Visit().Key, time.Now())
	err := s.Collect(t.Context(), b)
	require.Equal(t, collectors.ReasonUnreachable, collectors.ReasonOf(err))
	require.ErrorContains(t, err, "ask sentinel at "+sentinel.Addr()+" about sessions")
	require.Contains(t, shown(b.Batch()), "redis_up 0\n")
}

func TestServerThatIsNoSentinel(t *testing.T) {
	r := platform.RedisForTest(t, platform.RedisOptions{})
	s := server(t, Config{Addresses: []string{r.Addr()}, Sentinel: &Sentinel{Master: "sessions"}})
	err := s.Collect(t.Context(), collectors.NewBuilder(s.Visit().Key, time.Now()))
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
}

func TestCluster(t *testing.T) {
	nodes := platform.RedisClusterForTest(t, 3, nil)
	keys := []Key{{Name: "queue:mail"}, {Name: "queue:print"}, {Name: "queue:sms"}, {Name: "{tag}a"}, {Name: "b{tag}"}}
	holder := map[string]string{}
	for _, key := range keys {
		for _, node := range nodes {
			if node.Command(t.Context(), "RPUSH "+key.Name+" x y z") == nil { // the others answer MOVED
				holder[key.Name] = node.Addr()
			}
		}
		require.NotEmpty(t, holder[key.Name])
	}
	s := server(t, Config{Addresses: []string{nodes[1].Addr()}, Cluster: true, Keys: keys})
	var want []string
	for _, node := range nodes {
		label := `{node="` + node.Addr() + `"`
		want = append(want, "redis_up"+label+"} 1\n", "redis_cluster_state"+label+"} 1\n", "redis_cluster_slots_ok"+label+"} 16384\n",
			"redis_cluster_known_nodes"+label+"} 3\n")
	}
	for name, address := range holder {
		want = append(want, `redis_key_size{node="`+address+`",db="db0",key="`+name+`"} 3`+"\n")
	}
	text := eventually(t, s, want...)
	require.Equal(t, len(keys), strings.Count(text, "\nredis_key_size{"), "each is told by its holder alone")
	errorsOf := func(text string) string { return strings.Join(linesWith(text, "redis_errors_total{"), "\n") }
	require.Equal(t, errorsOf(text), errorsOf(shown(collect(t, s))), "asking makes no errors")

	require.NoError(t, nodes[1].Kill())
	text = eventually(t, s, `redis_up{node="`+nodes[1].Addr()+`"} 0`, `redis_cluster_state{node="`+nodes[0].Addr()+`"} 0`,
		`redis_cluster_state{node="`+nodes[2].Addr()+`"} 0`)
	require.Contains(t, text, `finding="redis_cluster_degraded",question="healthy",severity="critical"`)
	require.Contains(t, text, `redis_up{node="`+nodes[0].Addr()+`"} 1`, "the listed node is down, the others are asked who is there")
}

func linesWith(text, prefix string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// TestSuiteOfSets passes what every collector passes, for a cluster and for Sentinels.
func TestSuiteOfSets(t *testing.T) {
	nodes := platform.RedisClusterForTest(t, 2, nil)
	primary := platform.RedisForTest(t, platform.RedisOptions{})
	sentinel := platform.SentinelForTest(t, platform.SentinelOptions{Master: "sessions", Primary: primary, Quorum: 1})
	hanging := func(t *testing.T, upstream string) string {
		wire := platform.Proxy(t, upstream)
		wire.Hang()
		return wire.Addr()
	}
	visitOf := func(make func(t *testing.T) Config) collectortest.Maker {
		return func(t *testing.T, _ *slog.Logger) collectors.Visit {
			c := make(t)
			c.Name = "cache"
			s, err := New(c)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			v := s.Visit()
			v.Timeout = 2 * time.Second
			return v
		}
	}
	clusterAt := func(address string) Config { return Config{Cluster: true, Addresses: []string{address}} }
	sentinelAt := func(address, master string) Config {
		return Config{Addresses: []string{address}, Sentinel: &Sentinel{Master: master}}
	}
	for name, suite := range map[string]collectortest.Suite{
		"cluster": {
			New:  visitOf(func(*testing.T) Config { return clusterAt(nodes[0].Addr()) }),
			Want: []string{"redis_up", "redis_cluster_state", "redis_memory_used_bytes"},
			Broken: map[string]collectortest.Broken{
				"hanging":    {Reason: collectors.ReasonTimeout, New: visitOf(func(t *testing.T) Config { return clusterAt(hanging(t, nodes[0].Addr())) })},
				"no cluster": {Reason: collectors.ReasonMissing, New: visitOf(func(*testing.T) Config { return clusterAt(primary.Addr()) })},
			},
		},
		"sentinels": {
			New:  visitOf(func(*testing.T) Config { return sentinelAt(sentinel.Addr(), "sessions") }),
			Want: []string{"redis_up", "redis_sentinel_up", "redis_sentinel_master_status", "redis_sentinel_tilt"},
			Broken: map[string]collectortest.Broken{
				"hanging":   {Reason: collectors.ReasonTimeout, New: visitOf(func(t *testing.T) Config { return sentinelAt(hanging(t, sentinel.Addr()), "sessions") })},
				"not known": {Reason: collectors.ReasonGone, New: visitOf(func(*testing.T) Config { return sentinelAt(sentinel.Addr(), "another") })},
			},
		},
	} {
		suite.Catalogue, suite.Canaries = Metrics(), []string{"CANARY"}
		t.Run(name, func(t *testing.T) { collectortest.Run(t, suite) })
	}
}

func TestSlot(t *testing.T) {
	for name, want := range map[string]int{"": 0, "123456789": 12739, "foo": 12182, "{user1000}.following": 3443, "user1000": 3443, "foo{}{bar}": 8363, "foo{{bar}}zap": 4015} {
		require.Equal(t, want, slot(name), name)
	}
}

// TestNewestCounts is a node or Sentinel that was cut off and still names the former primary.
func TestNewestCounts(t *testing.T) {
	at := func(address string) []place { return []place{{address: address}} }
	views := []view{{}, {places: at("old"), epoch: 3}, {places: at("new"), epoch: 4}, {places: at("older"), epoch: 2}, {epoch: 9}}
	require.Equal(t, "new", newestView(views).places[0].address)
	require.Empty(t, newestView(nil).places)

	says := func(port, epoch string) opinion {
		return opinion{master: map[string]string{"ip": "10.0.0.1", "port": port, "config-epoch": epoch}}
	}
	failed := says("9", "9")
	failed.err = errors.New("cut off")
	opinions := []opinion{says("1", "9"), says("2", "10"), failed, says("3", "8")}
	require.Equal(t, "10.0.0.1:2", newestOpinion(opinions).places()[0].address)
	require.Nil(t, newestOpinion([]opinion{failed}))
}

// TestUnique is a node that came back under another id at the same address.
func TestUnique(t *testing.T) {
	holds := func(name string) func(Key) bool { return func(k Key) bool { return k.Name == name } }
	places := unique([]place{{"a", holds("x")}, {"b", holds("y")}, {"a", holds("z")}, {"b", nil}})
	require.Len(t, places, 2)
	for _, name := range []string{"x", "z"} {
		require.True(t, places[0].holds(Key{Name: name}))
	}
	require.False(t, places[0].holds(Key{Name: "y"}))
	require.True(t, places[1].holds(Key{Name: "anything"}))
	require.Len(t, unique(make([]place, 3)), 1)
}

func TestRemarksOfManyNodes(t *testing.T) {
	batch := build(false, func(p page) {
		for _, node := range []string{"a:1", "b:1", "c:1"} {
			p.node = node
			p.findDown()
			p.lack(lack{"settings", collectors.Because(collectors.ReasonPermission, errors.New("no"))})
		}
		p.lack(lack{"settings", collectors.Because(collectors.ReasonMissing, errors.New("no"))})
	})
	require.Len(t, batch.Findings, 1)
	require.Equal(t, "a:1: the node does not answer; and 2 more.", batch.Findings[0].Text)
	require.Equal(t, []string{
		`wardround_indicator_unavailable{collector="redis",indicator="settings",reason="missing"} 1`,
		`wardround_indicator_unavailable{collector="redis",indicator="settings",reason="permission"} 1`,
	}, linesWith(shown(batch), "wardround_indicator_unavailable{"))
}

func TestParseNodes(t *testing.T) {
	text := "07c37 10.0.0.1:7001@17001,redis-1.example master - 0 1426238317239 4 connected 0-5460 [5461-<-abc] 9000\n" +
		"67ed2 :7002@17002,? myself,master - 0 0 2 connected 5461-8999\n" +
		"292f8 fe80::1:7003@17003 slave 67ed2 0 1426238316232 9 connected\n" +
		"824fe :0@0 slave,noaddr 67ed2 0 0 3 disconnected\n" +
		"aaaaa 10.0.0.9:7009@17009 handshake - 0 0 0 disconnected\n" +
		"nonsense\n" +
		"e7d1e 10.0.0.5:70" // cut off
	addresses := func(v view) []string {
		var all []string
		for _, at := range v.places {
			all = append(all, at.address)
		}
		return all
	}
	v := parseNodes(text, "10.9.9.9:7002", false)
	require.Equal(t, []string{"10.0.0.1:7001", "10.9.9.9:7002", "[fe80::1]:7003"}, addresses(v))
	require.Equal(t, uint64(9), v.epoch)
	require.Equal(t, []string{"redis-1.example:7001", "10.9.9.9:7002", "[fe80::1]:7003"}, addresses(parseNodes(text, "10.9.9.9:7002", true)))
	key := Key{Name: "user1000"} // slot 3443
	require.True(t, v.places[0].holds(key))
	require.False(t, v.places[1].holds(key))
	require.False(t, v.places[2].holds(key), "a replica holds nothing to ask for")
}
