// Package progress shows a person how far a long work is.
package progress

import (
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Bar shows how far something is: a bar on a terminal, a line every tenth elsewhere.
type Bar struct {
	out   *os.File
	what  string
	bar   *progressbar.ProgressBar
	tenth int
}

// New returns a bar for out, which it decides by whether out is a terminal.
func New(out *os.File, what string) *Bar {
	return &Bar{out: out, what: what}
}

// At draws: done of total, with rate and time left on a terminal.
func (b *Bar) At(done, total int) {
	if total == 0 {
		return
	}
	if term.IsTerminal(int(b.out.Fd())) {
		if b.bar == nil {
			b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.what),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		}
		_ = b.bar.Set(done)
		return
	}
	if tenth := 10 * done / total; tenth > b.tenth {
		b.tenth = tenth
		_, _ = fmt.Fprintf(b.out, "%s: %d of %d\n", b.what, done, total)
	}
}

// End takes the bar away.
func (b *Bar) End() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
