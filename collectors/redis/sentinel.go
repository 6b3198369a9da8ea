package redis

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
)

// sentinels finds the servers that Sentinels watch under one name, and tells what each Sentinel
// thinks of them.
type sentinels struct {
	master string
	links  []*link
}

func newSentinels(c Config, connect dial) *sentinels {
	s := &sentinels{master: c.Sentinel.Master}
	for _, address := range c.Addresses {
		s.links = append(s.links, newLink(address, 0, c.Sentinel.login(), connect))
	}
	return s
}

func (s *sentinels) close() error { return closeAll(s.links) }

// opinion is what one Sentinel says: fields as SENTINEL MASTER and the like name them.
type opinion struct {
	err       error
	master    map[string]string
	replicas  []map[string]string
	sentinels []map[string]string // the others
	quorum    error
	info      reading // of the Sentinel itself
}

// find asks all Sentinels. The primary is whom the newest failover made one: it has the highest
// epoch, which is what Sentinels themselves go by.
func (s *sentinels) find(ctx context.Context, p page, _ []place) ([]place, error) {
	opinions := make([]opinion, len(s.links))
	all := pool.New().WithMaxGoroutines(atOnce)
	for i, l := range s.links {
		all.Go(func() { opinions[i] = s.ask(ctx, l) })
	}
	all.Wait()

	var errs []error
	for i := range opinions {
		at := p
		at.node = s.links[i].address
		s.emit(at, &opinions[i])
		if err := opinions[i].err; err != nil {
			errs = append(errs, err)
			p.Notef("%v", err)
		}
	}
	if newest := newestOpinion(opinions); newest != nil {
		return newest.places(), nil
	}
	return nil, errs[0]
}

func newestOpinion(opinions []opinion) *opinion {
	var newest *opinion
	for i := range opinions {
		if o := &opinions[i]; o.err == nil && (newest == nil || o.epoch() > newest.epoch()) {
			newest = o
		}
	}
	return newest
}

func (s *sentinels) ask(ctx context.Context, l *link) opinion {
	var o opinion
	o.err = l.visit(ctx, func(ctx context.Context, client *redis.Client) error {
		pipe := client.Pipeline()
		master := redis.NewMapStringStringCmd(ctx, "sentinel", "master", s.master)
		replicas := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "slaves", s.master) // as Redis before 5 calls them
		others := redis.NewMapStringStringSliceCmd(ctx, "sentinel", "sentinels", s.master)
		quorum := redis.NewStringCmd(ctx, "sentinel", "ckquorum", s.master)
		info := pipe.Info(ctx, "sentinel")
		for _, cmd := range []redis.Cmder{master, replicas, others, quorum} {
			_ = pipe.Process(ctx, cmd) // queued only; the answer has the error
		}
		err := exec(ctx, pipe)
		if err == nil {
			o.quorum = quorum.Err()
			err = cmp.Or(master.Err(), replicas.Err(), others.Err())
		}
		o.master, o.replicas, o.sentinels = master.Val(), replicas.Val(), others.Val()
		o.info = fieldsOf(info.Val())
		if err != nil {
			return explain(ctx, fmt.Errorf("ask sentinel at %s about %s: %w", l.address, s.master, err))
		}
		return nil
	})
	return o
}

func (o *opinion) epoch() float64 { return parseNumber(o.master["config-epoch"]) }

// places are the primary, which holds the keys, and its replicas.
func (o *opinion) places() []place {
	primary := addressOf(o.master)
	places := []place{{address: primary}}
	for _, replica := range o.replicas {
		if address := addressOf(replica); address != primary {
			places = append(places, place{address: address, holds: func(Key) bool { return false }})
		}
	}
	return places
}

func addressOf(server map[string]string) string {
	return net.JoinHostPort(server["ip"], server["port"])
}

// well says whether a Sentinel finds a server well.
func well(server map[string]string) bool {
	for flag := range strings.SplitSeq(server["flags"], ",") {
		switch flag {
		case "s_down", "o_down", "disconnected":
			return false
		}
	}
	return true
}

func countWell(servers []map[string]string) float64 {
	n := 0.0
	for _, server := range servers {
		n += truth(well(server))
	}
	return n
}

func (s *sentinels) emit(p page, o *opinion) {
	p.set(metricSentinelUp, truth(o.err == nil))
	if o.err != nil {
		return
	}
	p.fields(o.info, sentinelFields)
	labels := []string{s.master, technical(addressOf(o.master))}
	millis := func(field string) float64 { return parseNumber(o.master[field]) / 1e3 }
	p.set(metricSentinelOK, truth(well(o.master)), labels...)
	p.set(metricSentinelQuorum, truth(o.quorum == nil), s.master)
	p.set(metricSentinelReplicas, float64(len(o.replicas)), labels...)
	p.set(metricSentinelReplicasOK, countWell(o.replicas), labels...)
	p.set(metricSentinels, float64(len(o.sentinels)+1), labels...)
	p.set(metricSentinelsOK, countWell(o.sentinels)+1, labels...)
	p.set(metricSentinelEpoch, o.epoch(), labels...)
	p.set(metricSentinelPing, millis("last-ok-ping-reply"), labels...)
	p.set(metricSentinelAgree, parseNumber(o.master["quorum"]), labels...)
	p.set(metricSentinelSyncs, parseNumber(o.master["parallel-syncs"]), labels...)
	p.set(metricSentinelDownAfter, millis("down-after-milliseconds"), labels...)
	p.set(metricSentinelFailover, millis("failover-timeout"), labels...)
	if p.compat {
		p.set(metricSentinelDownAfterMillis, parseNumber(o.master["down-after-milliseconds"]), labels...)
		p.set(metricSentinelFailoverMillis, parseNumber(o.master["failover-timeout"]), labels...)
	}
	if o.quorum != nil {
		p.find(collectors.Finding{
			Name: "redis_sentinel_no_quorum", Question: collectors.Recoverable, Severity: collectors.Critical,
			Text: "too few Sentinels are there to make another server the primary: " + strconv.Itoa(int(countWell(o.sentinels)+1)) + " are well",
		})
	}
}
