package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
)

// cluster finds the nodes of a cluster through those that the operator listed, and through those
// that it found before.
type cluster struct {
	config Config
	dial   dial
	listed map[string]*link
}

func newCluster(c Config, connect dial) *cluster {
	all := &cluster{config: c, dial: connect, listed: map[string]*link{}}
	for _, address := range c.Addresses {
		all.listed[address] = newLink(address, 0, c.login(), connect)
	}
	return all
}

func (c *cluster) close() error { return closeAll(slices.Collect(maps.Values(c.listed))) }

// find asks the listed nodes who is there and, if none of them answers, all that were there. The
// newest answer counts: that of a node that was cut off has an older epoch.
func (c *cluster) find(ctx context.Context, _ page, known []place) ([]place, error) {
	half, cancel := share(ctx, 2)
	defer cancel()
	places, err := c.ask(half, slices.Collect(maps.Values(c.listed)))
	if err == nil {
		return places, nil
	}
	var others []*link // for this once: they are kept as nodes already
	for _, at := range known {
		if c.listed[at.address] == nil {
			others = append(others, newLink(at.address, 0, c.config.login(), c.dial))
		}
	}
	if len(others) == 0 {
		return nil, err
	}
	places, err = c.ask(ctx, others)
	return places, errors.Join(err, closeAll(others))
}

func (c *cluster) ask(ctx context.Context, links []*link) ([]place, error) {
	views := make([]view, len(links))
	errs := make([]error, len(links))
	all := pool.New().WithMaxGoroutines(atOnce)
	for i, l := range links {
		all.Go(func() { views[i], errs[i] = c.view(ctx, l) })
	}
	all.Wait()
	if newest := newestView(views); len(newest.places) > 0 {
		return newest.places, nil
	}
	return nil, errs[0]
}

func newestView(views []view) view {
	var newest view
	for _, v := range views {
		if len(v.places) > 0 && (len(newest.places) == 0 || v.epoch > newest.epoch) {
			newest = v
		}
	}
	return newest
}

func (c *cluster) view(ctx context.Context, l *link) (view, error) {
	var v view
	err := l.visit(ctx, func(ctx context.Context, client *redis.Client) error {
		text, err := client.ClusterNodes(ctx).Result()
		if err != nil {
			return explain(ctx, fmt.Errorf("ask redis at %s for the nodes of its cluster: %w", l.address, err))
		}
		v = parseNodes(text, l.address, c.config.TLS != nil)
		if len(v.places) == 0 {
			return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("read the cluster's nodes from redis at %s: there are none", l.address))
		}
		return nil
	})
	return v, err
}

// view is what one node knows of its cluster.
type view struct {
	places []place
	epoch  uint64
}

// parseNodes reads CLUSTER NODES, whose lines are: id, address, flags, primary, ping, pong, epoch,
// link, slots. A node may not know its own address; it is then the one asked at. Over TLS the
// host name counts, where there is one.
func parseNodes(text, asked string, named bool) view {
	var v view
	for line := range strings.Lines(text) {
		columns := strings.Fields(line)
		if len(columns) < 8 || !strings.HasSuffix(line, "\n") {
			continue
		}
		flags := strings.Split(columns[2], ",")
		epoch, err := strconv.ParseUint(columns[6], 10, 64)
		if err != nil || slices.Contains(flags, "noaddr") || slices.Contains(flags, "handshake") {
			continue
		}
		v.epoch = max(v.epoch, epoch)
		if address := nodeAddress(columns[1], asked, named); address != "" {
			slots := slotRanges(columns[8:])
			v.places = append(v.places, place{address: address, holds: func(k Key) bool { return slots.has(slot(k.Name)) }})
		}
	}
	return v
}

// nodeAddress reads ip:port@bus,hostname.
func nodeAddress(column, asked string, named bool) string {
	address, more, _ := strings.Cut(column, "@")
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return ""
	}
	host, port := address[:i], address[i+1:]
	_, name, _ := strings.Cut(more, ",")
	name, _, _ = strings.Cut(name, ",")
	if named && name != "" && name != "?" {
		host = name
	}
	if host == "" {
		var err error
		if host, _, err = net.SplitHostPort(asked); err != nil {
			return ""
		}
	}
	return technical(net.JoinHostPort(strings.Trim(host, "[]"), port))
}

type ranges [][2]int

// slotRanges reads what slots a node has: single ones, ranges such as 0-5460, and in brackets those
// that are on their way, which do not count yet.
func slotRanges(columns []string) ranges {
	var all ranges
	for _, column := range columns {
		from, to, isRange := strings.Cut(column, "-")
		first, err := strconv.Atoi(from)
		last := first
		if isRange && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err == nil {
			all = append(all, [2]int{first, last})
		}
	}
	return all
}

func (r ranges) has(slot int) bool {
	return slices.ContainsFunc(r, func(part [2]int) bool { return part[0] <= slot && slot <= part[1] })
}
