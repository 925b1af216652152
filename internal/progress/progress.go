// Package progress shows a person how far a long work is.
package progress

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Bar shows how far something is: a bar on a terminal, a line every tenth elsewhere, with rate and time left. Not for concurrent use.
type Bar struct {
	out   *os.File
	what  string
	note  string
	bar   *progressbar.ProgressBar
	tenth int
	// The first call of At, from which the rate is counted: what was done before is not this run's.
	began time.Time
	from  int
}

// New returns a bar for out, which it decides by whether out is a terminal.
func New(out *os.File, what string) *Bar {
	return &Bar{out: out, what: what}
}

// Note is shown beside the figures from the next At on.
func (b *Bar) Note(note string) { b.note = note }

// At draws: done of total.
func (b *Bar) At(done, total int) {
	if total <= 0 {
		return
	}
	if b.began.IsZero() {
		b.began, b.from = time.Now(), done
	}
	if term.IsTerminal(int(b.out.Fd())) {
		b.draw(done, total)
		return
	}
	if tenth := 10 * done / total; tenth > b.tenth {
		b.tenth = tenth
		_, _ = fmt.Fprintf(b.out, "%s: %d of %d%s%s\n", b.what, done, total, b.pace(done, total), b.beside())
	}
}

func (b *Bar) draw(done, total int) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	// The total grows while people sign up.
	if total != b.bar.GetMax() {
		b.bar.ChangeMax(total)
	}
	b.bar.Describe(b.what + b.beside())
	_ = b.bar.Set(min(done, total))
}

func (b *Bar) beside() string {
	if b.note == "" {
		return ""
	}
	return ", " + b.note
}

// pace is rate and time left, where enough was done to know.
func (b *Bar) pace(done, total int) string {
	took := time.Since(b.began)
	if done <= b.from || took < 100*time.Millisecond {
		return ""
	}
	rate := float64(done-b.from) / took.Seconds()
	if done >= total {
		return fmt.Sprintf(", %.0f/s", rate)
	}
	left := time.Duration(float64(total-done) / rate * float64(time.Second))
	return fmt.Sprintf(", %.0f/s, %s left", rate, left.Round(time.Second))
}

// End takes the bar away.
func (b *Bar) End() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
