package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// lengths are the commands that tell how long a key of a type is. None of them reads what is in it.
var lengths = []struct{ kind, command string }{
	{"list", "llen"}, {"set", "scard"}, {"zset", "zcard"}, {"stream", "xlen"}, {"hash", "hlen"}, {"string", "strlen"},
}

func lengthOf(kind string) string {
	for _, l := range lengths {
		if l.kind == kind {
			return l.command
		}
	}
	return ""
}

// keys are the configured ones that a node holds, in the order of their databases. Their types
// are remembered, so that type and length come in one round trip: a list seldom becomes a set.
type keys struct {
	all   []Key
	base  int // database of the connection
	kinds map[Key]string
}

func newKeys(all []Key, base int) *keys {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Key) int { return cmp.Compare(a.DB, b.DB) })
	return &keys{all: all, base: base, kinds: map[Key]string{}}
}

// held are the keys that are to be asked for at a place.
func (k *keys) held(at place) []Key {
	if at.holds == nil {
		return k.all
	}
	var held []Key
	for _, key := range k.all {
		if at.holds(key) {
			held = append(held, key)
		}
	}
	return held
}

// keyed is one key's answers.
type keyed struct {
	Key
	exists bool
	size   int64
	err    error // of the server; the size is not known
}

// question is what is asked about one key. The length is asked for where the type was known.
type question struct {
	Key
	selected *redis.StatusCmd // nil where the database is the connection's own
	kind     *redis.StatusCmd
	command  string // "" where no length is asked for
	length   *redis.Cmd
}

// ask adds the questions to a pipeline and leaves the connection in its own database.
func (k *keys) ask(ctx context.Context, pipe redis.Pipeliner, held []Key) []question {
	questions := make([]question, 0, len(held))
	db, selected := k.base, (*redis.StatusCmd)(nil)
	for _, key := range held {
		if key.DB != db {
			db, selected = key.DB, pipe.Select(ctx, key.DB)
		}
		q := question{Key: key, selected: selected, kind: pipe.Type(ctx, key.Name), command: lengthOf(k.kinds[key])}
		if q.command != "" {
			q.length = pipe.Do(ctx, q.command, key.Name)
		}
		questions = append(questions, q)
	}
	if db != k.base {
		pipe.Select(ctx, k.base)
	}
	return questions
}

// answers reads what came back, and asks once more about the keys whose type was not known or is
// another by now. An error means that the connection is lost.
func (k *keys) answers(ctx context.Context, client *redis.Client, first []question) ([]keyed, error) {
	all, again := k.read(first)
	if len(again) == 0 {
		return all, nil
	}
	pipe := client.Pipeline()
	second := k.ask(ctx, pipe, again)
	if err := exec(ctx, pipe); err != nil {
		return nil, err
	}
	more, _ := k.read(second) // one whose type changed in between is told next time
	return append(all, more...), nil
}

// read sorts the answers into those that are had and the keys to ask about again.
func (k *keys) read(questions []question) (all []keyed, again []Key) {
	for _, q := range questions {
		kind, err := q.kind.Result()
		if q.selected != nil && q.selected.Err() != nil {
			err = q.selected.Err() // or it would be another database's key
		}
		answer := keyed{Key: q.Key, exists: kind != "none", err: err}
		switch {
		case err != nil || kind == "none":
		case lengthOf(kind) == "":
			answer.err = fmt.Errorf("a key is of the type %s, whose length cannot be told", technical(kind))
		case q.command == lengthOf(kind):
			answer.size, answer.err = q.length.Int64()
		default:
			k.kinds[q.Key] = kind
			again = append(again, q.Key)
			continue
		}
		all = append(all, answer)
	}
	return all, again
}

// keys writes the lengths. Its error is the first one of those that could not be had.
func (p page) keys(all []keyed) error {
	var err error
	failed := 0
	for _, key := range all {
		if key.err != nil {
			err = cmp.Or(err, key.err)
			failed++
			continue
		}
		db, tenant := "db"+strconv.Itoa(key.DB), p.tenants[key.DB]
		p.SetFor(tenant, metricKeyExists, truth(key.exists), p.node, db, key.Name)
		p.SetFor(tenant, metricKeySize, float64(key.size), p.node, db, key.Name)
	}
	if failed > 1 {
		err = fmt.Errorf("%d keys: %w", failed, err)
	}
	return err
}

// slot is the cluster's slot that a key belongs to: a CRC-16 (XMODEM) over the name, or over what
// stands in its first braces.
func slot(name string) int {
	if _, rest, ok := strings.Cut(name, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			name = tag
		}
	}
	var crc uint16
	for _, c := range []byte(name) {
		crc ^= uint16(c) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % 16384
}
