package pgserver

import (
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Options say which Postgres to run. The zero value is a throw-away server that is
// reached through a Unix socket only.
type Options struct {
	// Dir holds the cluster. Empty: a fresh folder under
	// os.TempDir()/clerkstream-<uid>/. A cluster that is there already is used as it
	// is, by binaries of its own major version, and never removed. As root, each
	// folder above Dir must be open to the account that Postgres runs as.
	Dir string
	// Keep leaves the cluster when the server stops. Without it Stop removes what
	// Start made.
	Keep bool
	// Listen opens TCP on a free port of 127.0.0.1, for tools that do not know Unix
	// sockets, with a password that is new at each Start.
	Listen bool
	// Durable is for data that should survive a power cut. False turns fsync off: a
	// crash of Postgres, even kill -9, still loses no commit, a crash of the
	// machine may lose everything.
	Durable bool
	// Settings go into the server's configuration and win over ours.
	Settings map[string]string
	// Logger receives a line for each start, stop and sweep. Nil: silence. The log
	// of Postgres itself is a file: see Log.
	Logger *slog.Logger

	// outlive leaves out the parent-death signal, so that a test sees what other
	// systems than Linux do.
	outlive bool
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger.With("component", "pgserver")
}

var settingForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

func (o Options) validate() error {
	for name, value := range o.Settings {
		if !settingForm.MatchString(name) || strings.ContainsAny(value, "\n\r\x00") {
			return fmt.Errorf("postgres setting %q: not a setting", name)
		}
	}
	return nil
}

// settings are what we need of a server, what Options choose, and then what the
// caller wants.
func (o Options) settings(socketDir string, port int) map[string]string {
	all := map[string]string{
		"unix_socket_directories": socketDir,
		"listen_addresses":        "",
		"port":                    fmt.Sprint(port),
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		// The log goes to the terminal with an error: no row, no statement with a
		// value in it, for both hold personal data.
		"log_error_verbosity":     "terse",
		"log_min_error_statement": "panic",
	}
	if o.Listen {
		all["listen_addresses"] = "127.0.0.1"
	}
	if !o.Durable {
		// synchronous_commit stays on: without it a killed server loses commits, and
		// tests kill servers.
		all["fsync"] = "off"
		all["full_page_writes"] = "off"
	}
	maps.Copy(all, o.Settings)
	return all
}

// render writes settings as Postgres reads them.
func render(settings map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(settings[name]))
	}
	return b.String()
}
