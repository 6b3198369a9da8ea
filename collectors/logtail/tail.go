package logtail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Options say what is followed.
type Options struct {
	Path string // of the log; absolute
	// StatePath is the file in which the place is kept over a restart; "" for nowhere: then a
	// restarted daemon begins as for the first time.
	StatePath string
	// FromStart is whether the first reading of all begins at the log's beginning. Otherwise it
	// begins at its end: what was there before is not handed over.
	FromStart  bool
	RoundBytes int64  // about how much is read in one round; zero means 64 MiB
	Memory     Memory // what the source remembers; nil for nothing
}

// Line is a line of the log without its end.
type Line struct {
	Text  []byte // valid until the function that got it returns
	Whole bool   // false: the beginning of one that is longer than LongestLine, or was never finished
}

// LongestLine is how many bytes of a line are handed over.
const LongestLine = 64 << 10

const defaultRoundBytes = 64 << 20

// Tail follows one log. It is not for concurrent use; its owner closes it.
type Tail struct {
	options Options
	file    *os.File // the one that was read last; nil before the first time
	at      place
	kept    place // as it stands in the state file
	in      *bufio.Reader
	waited  bool // for a log that was not there
	gaps    uint64
}

// New returns a Tail; nothing is opened before the first Read.
func New(o Options) *Tail {
	if o.RoundBytes <= 0 {
		o.RoundBytes = defaultRoundBytes
	}
	return &Tail{options: o, in: bufio.NewReaderSize(nil, LongestLine)}
}

// Gaps is how often reading could not go on where it had stopped, so that lines may be missing.
func (t *Tail) Gaps() uint64 { return t.gaps }

// Close lets the log go. Read may be called again.
func (t *Tail) Close() {
	if t.file != nil {
		_ = t.file.Close() // it was only read
		t.file = nil
	}
}

// Read hands over the lines that are new, up to the bound of a round, keeps the place, and says
// how many bytes are left to be read. Its errors carry a collectors.Reason and no name of a file;
// what was handed over before one is not handed over again.
func (t *Tail) Read(ctx context.Context, each func(Line)) (behind int64, err error) {
	if t.file == nil {
		if err := t.start(); err != nil {
			t.waited = t.waited || errors.Is(err, os.ErrNotExist)
			return 0, because(err)
		}
	}
	if err = t.advance(ctx, each); err == nil {
		behind, err = t.behind()
	}
	return behind, because(errors.Join(err, t.save()))
}

// advance reads until nothing is new or the round's bound is reached, which is of bytes and of time:
// a slow disk is no reason for a round to fail.
func (t *Tail) advance(ctx context.Context, each func(Line)) error {
	reading, cancel := withReserve(ctx)
	defer cancel()
	for budget := t.options.RoundBytes; budget > 0; {
		if err := t.check(); err != nil {
			return err
		}
		replaced, err := t.replaced() // asked first: from then on nobody writes to the old one
		if err != nil {
			return err
		}
		n, end, err := t.lines(reading, budget, each)
		if err = errors.Join(err, context.Cause(ctx)); err != nil || !end || !replaced {
			return err
		}
		budget -= n
		if err := t.unfinished(each); err != nil {
			return err
		}
		if err := t.next(); err != nil {
			return err
		}
	}
	return nil
}

// withReserve leaves a quarter of a context's time for what follows.
func withReserve(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
}

// lines reads about budget bytes from the place on while ctx lasts, and moves it. end says that
// nothing whole is left.
func (t *Tail) lines(ctx context.Context, budget int64, each func(Line)) (done int64, end bool, err error) {
	t.in.Reset(io.NewSectionReader(t.file, t.at.Offset, 1<<62))
	within := t.at.Within
	for n := 0; done < budget && !end; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			break
		}
		text, failed := t.in.ReadSlice('\n')
		switch {
		case failed == nil:
			if !within {
				each(Line{Text: text[:len(text)-1], Whole: true})
			}
			within = false
		case errors.Is(failed, bufio.ErrBufferFull):
			if !within {
				each(Line{Text: text})
			}
			within = true // what follows of it is passed over
		case errors.Is(failed, io.EOF):
			end = true
			if !within {
				text = nil // it may grow to a line
			}
		default:
			return done, false, errors.Join(fmt.Errorf("read the log: %w", failed), t.move(done, within))
		}
		done += int64(len(text))
	}
	return done, end, t.move(done, within)
}

// unfinished hands over what stands behind the last line of a file to which nobody writes any more.
func (t *Tail) unfinished(each func(Line)) error {
	rest, err := io.ReadAll(io.NewSectionReader(t.file, t.at.Offset, LongestLine))
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if len(rest) > 0 {
		each(Line{Text: rest})
	}
	return nil
}
