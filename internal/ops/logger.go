package ops

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The log formats. JSON is the default: what reads the log of a service is rarely a person.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// NewLogger makes the logger that a service hands to everything it builds; there is no global one. Level is debug, info, warn or error
// in any case; empty format and level mean json and info.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	switch strings.ToLower(level) {
	case "debug":
		l = slog.LevelDebug
	case "", "info":
		l = slog.LevelInfo
	case "warn":
		l = slog.LevelWarn
	case "error":
		l = slog.LevelError
	default:
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "", FormatJSON:
		return slog.New(slog.NewJSONHandler(w, o)), nil
	case FormatText:
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log format %q is neither %s nor %s", format, FormatJSON, FormatText)
}
