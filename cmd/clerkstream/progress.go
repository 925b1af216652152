package main

import (
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far something is: a bar on a terminal, a line every tenth elsewhere.
type progress struct {
	out   *os.File
	what  string
	bar   *progressbar.ProgressBar
	tenth int
}

func newProgress(out *os.File, what string) *progress {
	return &progress{out: out, what: what}
}

func (p *progress) at(done, total int) {
	if total == 0 {
		return
	}
	if term.IsTerminal(int(p.out.Fd())) {
		if p.bar == nil {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.what),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		}
		_ = p.bar.Set(done)
		return
	}
	if tenth := 10 * done / total; tenth > p.tenth {
		p.tenth = tenth
		_, _ = fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, done, total)
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
