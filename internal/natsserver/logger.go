package natsserver

import (
	"context"
	"fmt"
	"log/slog"
)

// logger carries the server's log into slog. The server's notices (its banner,
// each stream recovered) are for debugging here, not news.
type logger struct {
	slog  *slog.Logger
	fatal chan string // the first fatal message; a real nats-server would exit
}

func newLogger(l *slog.Logger) *logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return &logger{slog: l.With("component", "nats-server"), fatal: make(chan string, 1)}
}

func (l *logger) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l *logger) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l *logger) Warnf(format string, v ...any)   { l.log(slog.LevelWarn, format, v) }
func (l *logger) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }

// Tracef drops its message: a trace holds message bodies, which are personal data.
func (l *logger) Tracef(string, ...any) {}

// Fatalf must not end the process, which is not the server's own.
func (l *logger) Fatalf(format string, v ...any) {
	l.log(slog.LevelError, format, v)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}

func (l *logger) log(level slog.Level, format string, v []any) {
	if l.slog.Enabled(context.Background(), level) {
		l.slog.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}
