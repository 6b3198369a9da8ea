package alert

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
)

// silenceKeeper is what a silencer needs of a client.
type silenceKeeper interface {
	silences(context.Context) (models.GettableSilences, error)
	keep(context.Context, *models.PostableSilence) error
	expire(ctx context.Context, id string) error
}

// silencer keeps the silences of one Alertmanager as they shall be. It has no memory: each time it reads what is there,
// so that restarts, peers that share silences, and replicas of this daemon end with one silence for each ID. One that
// people end by hand comes back; they end the exclusion instead.
type silencer struct {
	courier
	client  silenceKeeper
	owner   string
	logger  *slog.Logger
	latest  atomic.Pointer[[]Silence]
	trouble string // owned by run
}

func newSilencer(o NotifierOptions, c *amClient) *silencer {
	return &silencer{
		courier: newCourier(), client: c, owner: o.SilenceOwner, logger: o.Logger.With("alertmanager", c.name),
	}
}

func (s *silencer) publish(silences []Silence) {
	s.latest.Store(&silences)
	s.poke()
}

func (s *silencer) run(ctx context.Context) { s.courier.run(ctx, s.flush) }

// flush brings Alertmanager's silences to what shall be, and says whether that is done.
func (s *silencer) flush(ctx context.Context) bool {
	err := s.reconcile(ctx, *s.latest.Load(), time.Now())
	if ctx.Err() != nil {
		return false
	}
	s.report(err)
	return err == nil
}

func (s *silencer) reconcile(ctx context.Context, wanted []Silence, now time.Time) error {
	there, err := s.ours(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, w := range wanted {
		standing := there[w.ID]
		delete(there, w.ID)
		if !w.To.After(now) {
			continue // Alertmanager ends it by itself, and would not take it any more
		}
		var kept *models.GettableSilence
		if len(standing) > 0 {
			kept = standing[0]
			problems = append(problems, s.expireAll(ctx, standing[1:]))
		}
		if p := s.needed(w, kept, now); p != nil {
			problems = append(problems, s.client.keep(ctx, p))
		}
	}
	for _, standing := range there {
		problems = append(problems, s.expireAll(ctx, standing))
	}
	return errors.Join(problems...)
}

// ours are this owner's silences that are not over, by ID; of those with one ID all peers keep the same first one.
func (s *silencer) ours(ctx context.Context) (map[string][]*models.GettableSilence, error) {
	all, err := s.client.silences(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *models.GettableSilence) int { return cmp.Compare(*a.ID, *b.ID) })
	there := make(map[string][]*models.GettableSilence)
	for _, silence := range all {
		id, ours := markedBy(s.owner, *silence.Comment)
		if ours && *silence.Status.State != models.SilenceStatusStateExpired {
			there[id] = append(there[id], silence)
		}
	}
	return there, nil
}

func (s *silencer) expireAll(ctx context.Context, silences []*models.GettableSilence) error {
	var problems []error
	for _, silence := range silences {
		problems = append(problems, s.client.expire(ctx, *silence.ID))
	}
	return errors.Join(problems...)
}

// needed is what must be posted so that Alertmanager has the silence, nil if it does. One that has begun keeps its
// start: another one would make a new silence of it.
func (s *silencer) needed(w Silence, there *models.GettableSilence, now time.Time) *models.PostableSilence {
	from, to := strfmt.DateTime(w.From), strfmt.DateTime(w.To)
	creator, comment := creatorOf(w), commentOf(s.owner, w)
	p := &models.PostableSilence{Silence: models.Silence{
		Matchers: posted(w.Matchers), StartsAt: &from, EndsAt: &to, CreatedBy: &creator, Comment: &comment,
	}}
	if there == nil {
		return p
	}
	p.ID = *there.ID
	if !w.From.After(now) && !time.Time(*there.StartsAt).After(now) {
		p.StartsAt = there.StartsAt
	}
	if sameTime(p.StartsAt, there.StartsAt) && sameTime(p.EndsAt, there.EndsAt) && sameMatchers(p.Matchers, there.Matchers) &&
		comment == *there.Comment && creator == *there.CreatedBy {
		return nil
	}
	return p
}

// sameTime ignores what Alertmanager cuts off.
func sameTime(a, b *strfmt.DateTime) bool {
	return time.Time(*a).Truncate(time.Second).Equal(time.Time(*b).Truncate(time.Second))
}

// report logs a failure when it begins or becomes another one, and its end.
func (s *silencer) report(err error) {
	outcome := outcomeOf(err)
	switch {
	case err == nil && s.trouble != "":
		s.logger.Info("alertmanager takes silences again")
		s.trouble = ""
	case err != nil && outcome != s.trouble:
		s.logger.Error("silences do not reach alertmanager; trying on", "outcome", outcome, "err", err)
		s.trouble = outcome
	}
}
