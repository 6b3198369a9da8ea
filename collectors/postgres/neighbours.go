package postgres

import (
	"cmp"
	"math"
	"slices"
)

// resource is one of the things that the databases of a cluster share.
type resource uint8

const (
	activeTime resource = iota
	executionTime
	blockReads
	tempBytes
	walBytes
	connectionSlots
	resourceNumber
)

// sharedResources is in the order of the resources. Use is per second, of connections their
// number. While the whole cluster uses less than the floor, shares are judged as parts of the
// floor: who takes most of next to nothing is nobody's nuisance.
var sharedResources = [resourceNumber]struct {
	name  string // the label
	words string
	floor float64
}{
	{"active_time", "time that sessions are active", 1}, // one session, always
	{"execution_time", "execution time", 1},
	{"block_reads", "block reads", 5000}, // 40 MB/s
	{"temp_bytes", "temporary bytes", 20e6},
	{"wal_bytes", "write-ahead log", 10e6},
	{"connections", "connections", 20},
}

const (
	windowRounds = 5    // over which shares are told
	judgedRounds = 2    // over which they are judged
	keptShares   = 288  // one of each window: a day, with a round a minute
	leastShares  = 3    // before which nothing is known to be unusual
	usually      = 0.9  // of a database's own past: what it kept within for so much of the time is usual
	outOfLine    = 0.25 // of the cluster's use above what is usual
	clearlyWorse = 0.1  // by which a resource must be exceeded more than those before it, to be the one that is told
	namedCounts  = 6    // of so many windows in which a database is named one becomes part of its past
)

// usage is what one database used in one round.
type usage [resourceNumber]float64

// active is how many sessions were active on average: what their statements took that have ended,
// or, where that is more, what the server has seen of their states, which it may tell seconds late.
func (u usage) active() float64 { return max(u[activeTime], u[executionTime]) }

// history is one database's shares of one resource over the last day, in 200ths.
type history struct {
	shares [keptShares]uint8
	n      int
}

func (h *history) add(share float64) {
	h.shares[h.n%keptShares] = uint8(math.Round(200 * min(1, share)))
	h.n++
}

// enough says whether there is enough of it to tell what is usual.
func (h *history) enough() bool { return h.n >= leastShares }

// usual is what the share was at most for nine tenths of the time.
func (h *history) usual() float64 {
	known := slices.Clone(h.shares[:min(h.n, keptShares)])
	slices.Sort(known)
	return float64(known[int(math.Ceil(usually*float64(len(known))))-1]) / 200
}

// consumer is one database in what it uses of the cluster.
type consumer struct {
	name   string
	window uses
	paces  [windowRounds]pace
	past   [resourceNumber]history
	seen   int  // in which round
	named  bool // in the last round
}

// uses are what was used in the last rounds, by their number.
type uses [windowRounds]usage

// mean is the mean of the last n rounds up to a given one.
func (u *uses) mean(round, n int) (mean usage) {
	for i := range n {
		for r, v := range u[(round+windowRounds-i)%windowRounds] {
			mean[r] += v / float64(n)
		}
	}
	return mean
}

// neighbours judges who of the databases of a cluster takes more of it than it usually does.
//
// Of each resource a database has a share. It is out of line where its shares of the last round
// and of the last two together are both higher, by a quarter of the cluster's use, than what its
// share kept within for nine tenths of the last day. A database that is always the largest is
// thus never out of line, and what lasts for hours becomes usual (the sooner the less is known). Being out of line is no fault while nobody waits: see waiting.
type neighbours struct {
	round     int
	consumers map[uint32]*consumer
	totals    uses
	lacking   [windowRounds][resourceNumber]bool // what a round did not learn
}

// databaseUse is what a round learned of one database.
type databaseUse struct {
	name string
	usage
	pace
}

// take takes in a round. Databases that are not in it are forgotten.
func (n *neighbours) take(used map[uint32]databaseUse, lacking [resourceNumber]bool) {
	if n.consumers == nil {
		n.consumers = map[uint32]*consumer{}
	}
	n.round++
	at := n.round % windowRounds
	n.totals[at], n.lacking[at] = usage{}, lacking
	for oid, use := range used {
		c := n.consumers[oid]
		if c == nil {
			c = &consumer{}
			n.consumers[oid] = c
		}
		c.name, c.seen, c.named = use.name, n.round, false
		c.window[at], c.paces[at] = use.usage, use.pace
		for r, v := range use.usage {
			n.totals[at][r] += v
		}
	}
	for oid, c := range n.consumers {
		if c.seen != n.round {
			delete(n.consumers, oid)
		}
	}
}

// remember makes the shares of a whole window part of the databases' history, and few of those in
// which they were named: noise is to become usual in hours, not in minutes.
func (n *neighbours) remember() {
	if n.round%windowRounds != 0 {
		return
	}
	rare := n.round/windowRounds%namedCounts == 0
	total := n.totals.mean(n.round, windowRounds)
	for r := range resourceNumber {
		if n.lacks(r) {
			continue
		}
		for _, c := range n.consumers {
			if !c.named || rare {
				c.past[r].add(weight(r, c.window.mean(n.round, windowRounds)[r], total[r]))
			}
		}
	}
}

// ofStatementsOnly are the resources of which only the statistics of statements tell.
var ofStatementsOnly = []resource{executionTime, walBytes}

// amend corrects what a round that had no look at statements took to be as in the one before: use
// is that of both rounds since. It comes before the second of them is taken in.
func (n *neighbours) amend(used map[uint32]databaseUse) {
	for _, r := range ofStatementsOnly {
		total := &n.totals[n.last()][r]
		*total = 0
		for oid, c := range n.consumers {
			c.window[n.last()][r] = used[oid].usage[r]
			*total += used[oid].usage[r]
		}
	}
}

// stirred says whether a database took clearly more of a resource than it usually does in the last
// round, or does now, as far as is known.
func (n *neighbours) stirred(now map[uint32]databaseUse) bool {
	var total usage
	for _, used := range now {
		for r, v := range used.usage {
			total[r] += v
		}
	}
	for oid, c := range n.consumers {
		if c.exceeds(c.window[n.last()], n.totals[n.last()]) || c.exceeds(now[oid].usage, total) {
			return true
		}
	}
	return false
}

// exceeds says whether a share is out of line with the database's past, were it to last.
func (c *consumer) exceeds(used, total usage) bool {
	for r := range resourceNumber {
		share := weight(r, used[r], total[r])
		if share >= outOfLine && c.past[r].enough() && share-c.past[r].usual() >= outOfLine {
			return true
		}
	}
	return false
}

func (n *neighbours) lacks(r resource) bool {
	for _, lacking := range n.lacking {
		if lacking[r] {
			return true
		}
	}
	return false
}

// last is the number under which the last round is kept.
func (n *neighbours) last() int { return n.round % windowRounds }

// weight is a share as it is judged.
func weight(r resource, used, total float64) float64 {
	return used / max(total, sharedResources[r].floor)
}

// suspect is a database that is out of line, and in what it is most.
type suspect struct {
	oid    uint32
	name   string
	of     resource
	over   [resourceNumber]bool // all of which it takes more than it usually does
	share  float64              // over the window
	usual  float64
	excess float64
}

// outOfLine are the databases that take more than they usually do, worst first. Known is false
// while there is not enough history to tell.
func (n *neighbours) outOfLine() (suspects []suspect, known bool) {
	total, totalNow := n.totals.mean(n.round, judgedRounds), n.totals.mean(n.round, 1)
	for oid, c := range n.consumers {
		worst := suspect{oid: oid, name: c.name}
		used, now := c.window.mean(n.round, judgedRounds), c.window.mean(n.round, 1)
		for r := range resourceNumber {
			enough := c.past[r].enough()
			known = known || enough
			share := min(weight(r, used[r], total[r]), weight(r, now[r], totalNow[r]))
			if !enough || share < outOfLine {
				continue
			}
			usual := c.past[r].usual()
			worst.over[r] = share-usual >= outOfLine
			if excess := share - usual; worst.over[r] && excess > worst.excess+clearlyWorse {
				worst.of, worst.share, worst.usual, worst.excess = r, used[r]/total[r], usual, excess
			}
		}
		if worst.excess > 0 {
			suspects = append(suspects, worst)
		}
	}
	slices.SortFunc(suspects, func(a, b suspect) int {
		return cmp.Or(cmp.Compare(b.excess, a.excess), cmp.Compare(a.oid, b.oid))
	})
	return suspects, known
}

// slowdown is how many times as long as usual the statements of half of the databases took at
// least in the last round, without those given; false where none ran enough to tell.
func (n *neighbours) slowdown(without []suspect) (float64, bool) {
	var factors []float64
	for oid, c := range n.consumers {
		factor, enough := c.paces[n.last()].slowdown()
		if enough && !slices.ContainsFunc(without, func(s suspect) bool { return s.oid == oid }) {
			factors = append(factors, factor)
		}
	}
	if len(factors) == 0 {
		return 0, false
	}
	slices.Sort(factors)
	return factors[len(factors)/2], true
}

// active is how many sessions were active on average in the last round, of all databases and of
// those not given.
func (n *neighbours) active(without []suspect) (all, others float64) {
	for oid, c := range n.consumers {
		used := c.window[n.last()].active()
		all += used
		if !slices.ContainsFunc(without, func(s suspect) bool { return s.oid == oid }) {
			others += used
		}
	}
	return all, others
}
