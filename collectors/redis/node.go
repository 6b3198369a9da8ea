package redis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wardround/wardround/collectors"
)

// node is one server of a target, and what is remembered of it from visit to visit.
type node struct {
	*link
	place    place
	label    string // its value of the label node; "" for a single server
	user     string // as who we log in
	save     rule   // the configured rule for snapshots, where CONFIG may not be asked; nil for none
	keys     *keys
	growth   growth
	refused  refusals
	settings map[string]string // as last read; nil while they never could be
}

// refusals remembers how many writes were refused because memory was full. Around the limit used
// memory rises and falls with the clients' buffers; that somebody was refused is certain.
type refusals struct {
	run   string // the server's life
	count float64
}

// since is how many there were since the visit before; 0 on the first.
func (f *refusals) since(r reading) float64 {
	now := parseNumber(parts(r["errorstat_OOM"])["count"])
	if !(now >= 0) {
		now = 0
	}
	before, again := f.count, f.run == r["run_id"]
	f.run, f.count = r["run_id"], now
	if !again {
		return 0
	}
	return max(0, now-before)
}

// answers are what a node said on one visit. Only INFO must be had.
type answers struct {
	err      error // the node, or its INFO, could not be had: nothing else is set
	info     reading
	slowlog  int64
	latest   []any
	settings map[string]string
	keys     []keyed
	missing  []lack
}

// lack is a part that the server does not let us have, or does not have.
type lack struct {
	indicator string
	err       error
}

func (a *answers) lacks(indicator string, err error) {
	if err != nil {
		a.missing = append(a.missing, lack{indicator, err})
	}
}

func (a *answers) lacking(indicator string) bool {
	return slices.ContainsFunc(a.missing, func(l lack) bool { return l.indicator == indicator })
}

// ask asks a node everything, about the keys that it holds too: two round trips, and a third for
// keys whose type is not known yet.
func (n *node) ask(ctx context.Context) *answers {
	a := &answers{}
	a.err = n.visit(ctx, func(ctx context.Context, client *redis.Client) error {
		if err := n.askState(ctx, client, a); err != nil {
			return err
		}
		return n.askMore(ctx, client, a)
	})
	return a
}

// askState asks for what INFO tells. Its sections are asked for one by one because only servers
// from 7.0 on take several names, and not as everything because modules may answer anything.
func (n *node) askState(ctx context.Context, client *redis.Client, a *answers) error {
	pipe := client.Pipeline()
	info := pipe.Info(ctx)
	sections := map[string]*redis.StringCmd{"commandstats": pipe.Info(ctx, "commandstats"), "latencystats": pipe.Info(ctx, "latencystats")}
	slowlog := redis.NewIntCmd(ctx, "slowlog", "len")
	_ = pipe.Process(ctx, slowlog) // queued only; the answer has the error
	latest := redis.NewSliceCmd(ctx, "latency", "latest")
	_ = pipe.Process(ctx, latest)
	err := exec(ctx, pipe)
	if err == nil {
		err = info.Err()
	}
	if err != nil {
		return explain(ctx, fmt.Errorf("ask redis at %s for INFO: %w", n.address, err))
	}
	if a.info, err = parse(info.Val()); err != nil {
		return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read INFO of redis at %s: %w", n.address, err))
	}
	for name, section := range sections {
		a.lacks(name, section.Err())
		for field, value := range fieldsOf(section.Val()) {
			a.info[field] = value
		}
	}
	a.slowlog, err = slowlog.Result()
	a.lacks("slowlog", n.hint("+slowlog|len", err))
	a.latest, err = latest.Result()
	a.lacks("latency_spikes", n.hint("+latency|latest", err))
	return nil
}

// askMore asks for what depends on who the server is.
func (n *node) askMore(ctx context.Context, client *redis.Client, a *answers) error {
	pipe := client.Pipeline()
	settings := askSettings(ctx, pipe, a.info.major())
	var cluster *redis.StringCmd
	if a.info["cluster_enabled"] == "1" {
		cluster = pipe.ClusterInfo(ctx)
	}
	questions := n.keys.ask(ctx, pipe, n.keys.held(n.place))
	if err := exec(ctx, pipe); err != nil {
		return explain(ctx, fmt.Errorf("ask redis at %s for its settings and keys: %w", n.address, err))
	}
	var err error
	if a.settings, err = settings(); err == nil {
		n.settings = a.settings
	}
	a.lacks("settings", n.hint("+config|get", err))
	if cluster != nil {
		a.lacks("cluster", n.hint("+cluster|info", cluster.Err()))
		for field, value := range fieldsOf(cluster.Val()) {
			a.info[field] = value
		}
	}
	if a.keys, err = n.keys.answers(ctx, client, questions); err != nil {
		return explain(ctx, fmt.Errorf("ask redis at %s for the lengths of keys: %w", n.address, err))
	}
	return nil
}

// hint says with an error about rights how to grant them.
func (n *node) hint(right string, err error) error {
	if !redis.IsPermissionError(err) {
		return err
	}
	return fmt.Errorf("%w; grant it with: ACL SETUSER %s %s", err, n.user, right)
}

// emit writes what the node said.
func (n *node) emit(p page, a *answers, at time.Time) {
	if a.err != nil {
		p.set(metricUp, 0)
		return
	}
	p.oom = n.refused.since(a.info)
	p.emit(a.info)
	n.growth.note(at, a.info)
	p.growth(a.info, &n.growth)
	if !a.lacking("slowlog") {
		p.set(metricSlowlog, float64(a.slowlog))
	}
	p.spikes(a.latest)
	p.settings(a.settings)
	p.refused(a.info, a.settings)
	if saved, ok := a.settings["save"]; ok {
		rule, err := parseRule(saved)
		a.lacks("rdb_rule", err)
		p.rule(a.info, rule)
	} else if n.save != nil {
		p.rule(a.info, n.save)
	}
	if a.info["cluster_enabled"] == "1" {
		p.findCluster(a.info)
	}
	a.lacks("keys", n.hint("+select +type +llen +scard +zcard +xlen +hlen +strlen ~KEY", p.keys(a.keys)))
	for _, m := range a.missing {
		p.lack(m)
	}
}
