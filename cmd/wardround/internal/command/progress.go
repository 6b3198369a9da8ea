package command

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far long work is, on a terminal alone: in a log it would be noise.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(w io.Writer, what string) *progress {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		w = io.Discard
	}
	return &progress{progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount(),
	)}
}

// at says how much is done of all. What a terminal cannot show is nobody's failure.
func (p *progress) at(done, all int64) {
	if all > 0 {
		p.bar.ChangeMax64(all)
	}
	_ = p.bar.Set64(done)
}

// describe says what is under way.
func (p *progress) describe(what string) { p.bar.Describe(what) }

func (p *progress) end() { _ = p.bar.Finish() }
