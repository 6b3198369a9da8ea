package openslo

import (
	"math/big"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// alertPolicy is one AlertPolicy as a pair of a policy of ours.
type alertPolicy struct {
	policy, description string
	ours                bool // an annotation names the policy
	pair                slo.Pair
}

// condition is one AlertCondition.
type condition struct {
	object
	severity slo.Severity
	burn     *big.Rat
	window   time.Duration
}

// inlined reads an object that stands here or is referred to.
func (p *promise) inlined(v value, ref, kind string) (meta metadata, spec value, ok bool) {
	o, ok := v.mapping(ref, "apiVersion", "kind", "metadata", "spec")
	if !ok {
		return meta, spec, false
	}
	if o.at(ref).present {
		d, ok := p.refer(o.at(ref), kind)
		return d.meta, d.spec, ok
	}
	if said := o.at("kind"); said.present && said.optional() != kind {
		said.failf("this is a place for %s", kind)
		return meta, spec, false
	}
	return readMetadata(o.at("metadata"), p.doc.version), o.at("spec"), true
}

func (p *promise) alertPolicy(item value) (a alertPolicy, ok bool) {
	meta, v, ok := p.inlined(item, "alertPolicyRef", "AlertPolicy")
	if !ok {
		return a, false
	}
	spec, ok := v.mapping("description", "alertWhenNoData", "alertWhenBreaching", "alertWhenResolved", "conditions", "notificationTargets")
	if !ok {
		return a, false
	}
	a.policy, a.description = meta.notes.get("policy"), spec.at("description").optional()
	if a.ours = a.policy != ""; a.ours {
		a.description = meta.notes.get("policy-description")
	} else {
		a.policy = meta.at("name").ours(meta.name)
	}
	p.told(spec.at("notificationTargets"))
	if on, said := spec.at("alertWhenBreaching").flag(); said && !on {
		spec.at("alertWhenBreaching").warnf("this policy does not alert on burning; it is left out")
		return a, true
	}
	var all []condition
	for _, item := range spec.at("conditions").items() {
		c, ok := p.condition(item)
		if !ok {
			return a, false
		}
		all = append(all, c)
	}
	a.pair, ok = p.pair(spec, meta.notes, all)
	return a, ok && a.policy != ""
}

// told checks who is notified; Alertmanager's routes decide on that.
func (p *promise) told(targets value) {
	for _, item := range targets.items() {
		meta, v, ok := p.inlined(item, "targetRef", "AlertNotificationTarget")
		if !ok {
			continue
		}
		if spec, ok := v.mapping("description", "target"); ok && spec.at("target").text() != receiver {
			item.warnf("who is told is for Alertmanager's routes to say; %s is left out", meta.name)
		}
	}
}

func (p *promise) condition(item value) (c condition, ok bool) {
	_, v, ok := p.inlined(item, "conditionRef", "AlertCondition")
	if !ok {
		return c, false
	}
	spec, ok := v.mapping("description", "severity", "condition")
	if !ok {
		return c, false
	}
	c.object, ok = spec.at("condition").mapping("kind", "op", "threshold", "lookbackWindow", "alertAfter")
	if !ok {
		return c, false
	}
	if kind := c.at("kind"); kind.present && kind.optional() != "burnrate" {
		kind.failf("%q cannot be watched; only burnrate can", kind.optional())
		return c, false
	}
	c.compared()
	c.severity = severity(spec.at("severity"))
	if c.burn, ok = c.at("threshold").number(); !ok || c.burn.Sign() <= 0 {
		c.at("threshold").failf("this needs a burn rate above 0; write one such as 14.4")
		return c, false
	}
	c.window, ok = c.at("lookbackWindow").span()
	if !c.at("lookbackWindow").present {
		c.at("lookbackWindow").failf("this needs the window to look back over; write one such as 1h")
	}
	if after := c.at("alertAfter"); after.present && after.optional() != "0m" {
		after.warnf("alertAfter is left out: a short window says that it still burns")
	}
	return c, ok && c.severity != ""
}

// compared warns of comparisons that are meant as "above".
func (c condition) compared() {
	switch op := c.at("op"); op.word("gt", "gte", "lte", "lt") {
	case "lte", "lt":
		op.warnf("a burn rate alerts when it is above its threshold; this is read as gt")
	case "gte":
		op.warnf("an alert fires strictly above its threshold; this is read as gt")
	}
}

// severity makes one of ours of the words that people use.
func severity(v value) slo.Severity {
	text := v.text()
	var read slo.Severity
	switch strings.ToLower(text) {
	case "":
		return ""
	case "page", "ticket", "info":
		return slo.Severity(strings.ToLower(text))
	case "critical", "high", "urgent", "error", "sev0", "sev1", "p0", "p1":
		read = slo.Page
	case "warning", "warn", "medium", "minor", "sev2", "sev3", "p2", "p3":
		read = slo.Ticket
	case "low", "notice", "information", "informational", "sev4", "sev5", "p4", "p5":
		read = slo.Info
	default:
		v.failf("%q is none of page, ticket, info", text)
		return ""
	}
	v.warnf("%q is read as %s", text, read)
	return read
}

// pair makes a pair of one condition or of two that must hold together.
func (p *promise) pair(spec object, notes annotations, all []condition) (pair slo.Pair, ok bool) {
	if len(all) == 0 || len(all) > 2 {
		spec.at("conditions").failf("an alert looks at a long and a short window; write one condition or two, and an AlertPolicy for each further alert")
		return pair, false
	}
	long := all[0]
	pair = slo.Pair{Severity: long.severity, Long: long.window}
	if len(all) == 2 {
		short := all[1]
		if short.window > long.window {
			long, short = short, long
		}
		switch {
		case short.window == long.window:
			short.at("lookbackWindow").failf("both conditions look back over %s; the second needs a shorter window", slo.FormatDuration(short.window))
			return pair, false
		case short.burn.Cmp(long.burn) != 0:
			short.at("threshold").failf("both windows of an alert have the same threshold; write %s here, or an AlertPolicy of its own", long.at("threshold").optional())
			return pair, false
		case short.severity != long.severity:
			short.failf("the conditions of an alert have the same severity; write an AlertPolicy for each")
			return pair, false
		}
		pair.Long, pair.Short = long.window, short.window
	}
	set(notes, "short", &pair.Short, slo.ParseDuration)
	if pair.Short == 0 {
		pair.Short = max(pair.Long/12, time.Minute).Round(time.Minute)
		long.warnf("one window of %s is joined by one of %s, so that the alert ends when the burning does",
			slo.FormatDuration(pair.Long), slo.FormatDuration(pair.Short))
	}
	if pair.Short >= pair.Long {
		long.at("lookbackWindow").failf("the window must be longer than the short one, %s", slo.FormatDuration(pair.Short))
		return pair, false
	}
	if set(notes, "share", &pair.Share, slo.ParseTarget); pair.Share == 0 {
		pair.Share, ok = p.spent(long)
		return pair, ok
	}
	return pair, true
}

// spent is the share of the budget that a burn rate spends in its window.
func (p *promise) spent(c condition) (slo.Ratio, bool) {
	v, period := c.at("threshold"), p.base.Window.Nominal()
	exact := new(big.Rat).Mul(c.burn, big.NewRat(int64(c.window), int64(period)))
	if exact.Cmp(big.NewRat(1, 1)) >= 0 {
		v.failf("burning %s times as fast for %s spends more than the whole budget of %s; write a shorter window or a lower threshold",
			v.optional(), slo.FormatDuration(c.window), p.base.Window)
		return 0, false
	}
	if c.burn.Cmp(big.NewRat(1, 1)) < 0 {
		v.warnf("burning slower than the budget allows breaks no promise; 1 is the least and is used")
	}
	parts, whole := share(exact)
	if parts == 0 {
		v.failf("this is a smaller share of the budget than a part per billion")
		return 0, false
	}
	if !whole {
		v.warnf("as a share of the budget this is rounded to %s; the exact burn rate is %v", parts, slo.Pair{Share: parts, Long: c.window}.Limit(period).Float())
	}
	return parts, true
}

// receiver is the notification target that Write names.
const receiver = "alertmanager"
