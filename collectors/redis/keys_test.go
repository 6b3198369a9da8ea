package redis

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfEveryType(t *testing.T) {
	r := start(t, nil)
	c := Config{Address: r.Addr(), Password: password, Databases: map[int]string{2: "rosenhof"}, Keys: []Key{
		{Name: "list"}, {Name: "set"}, {Name: "zset"}, {Name: "hash", DB: 2}, {Name: "stream", DB: 2}, {Name: "string", DB: 5}, {Name: "none", DB: 5}, {Name: "list", DB: 5},
	}}
	do(t, r, "RPUSH", "list", value, value, value)
	do(t, r, "SADD", "set", value, "b")
	do(t, r, "ZADD", "zset", 1, value)
	in := func(db int, command ...any) {
		t.Helper()
		client := administrator(r, db)
		defer client.Close()
		require.NoError(t, client.Do(t.Context(), command...).Err())
	}
	in(2, "HSET", "hash", "a", value, "b", value)
	in(2, "XADD", "stream", "*", "a", value)
	in(5, "SET", "string", "12345678")
	want := []string{
		`redis_key_size{db="db0",key="list"} 3`, `redis_key_size{db="db0",key="set"} 2`, `redis_key_size{db="db0",key="zset"} 1`,
		`redis_key_size{db="db5",key="list"} 0`, `redis_key_size{db="db5",key="none"} 0`, `redis_key_size{db="db5",key="string"} 8`,
		`redis_key_size{tenant="rosenhof",db="db2",key="hash"} 2`, `redis_key_size{tenant="rosenhof",db="db2",key="stream"} 1`,
	}
	s := server(t, c)
	for range 3 { // the types are not known, then they are
		text := shown(collect(t, s))
		require.Equal(t, want, linesWith(text, "redis_key_size{"))
		require.Contains(t, text, `redis_key_exists{db="db5",key="none"} 0`)
		require.Contains(t, text, `redis_key_exists{db="db5",key="string"} 1`)
		require.Contains(t, text, `redis_db_keys{tenant="rosenhof",db="db2"} 2`)
		require.NotContains(t, text, "CANARY")
	}

	do(t, r, "DEL", "list")
	do(t, r, "SADD", "list", "a", "b", "c", "d")
	require.Contains(t, shown(collect(t, s)), `redis_key_size{db="db0",key="list"} 4`, "another type by now")
	do(t, r, "DEL", "list")
	require.Contains(t, shown(collect(t, s)), `redis_key_size{db="db0",key="list"} 0`, "an emptied queue does not exist")
}

// TestNoValueIsRead looks at what the server counted: of all commands that we sent none reads.
func TestNoValueIsRead(t *testing.T) {
	r := start(t, nil)
	do(t, r, "CONFIG", "RESETSTAT")
	s := server(t, Config{Address: r.Addr(), Password: password, Keys: []Key{{Name: key}}})
	collect(t, s)
	sent := map[string]bool{}
	for _, line := range linesWith(shown(collect(t, s)), "redis_commands_total{") {
		sent[line] = true
	}
	require.Equal(t, map[string]bool{
		`redis_commands_total{cmd="hello"} 1`: true, `redis_commands_total{cmd="client|setname"} 1`: true,
		`redis_commands_total{cmd="config|get"} 1`: true, `redis_commands_total{cmd="config|resetstat"} 1`: true,
		`redis_commands_total{cmd="info"} 4`: true, `redis_commands_total{cmd="latency|latest"} 1`: true,
		`redis_commands_total{cmd="slowlog|len"} 1`: true, `redis_commands_total{cmd="strlen"} 1`: true, `redis_commands_total{cmd="type"} 2`: true,
	}, sent)
}
