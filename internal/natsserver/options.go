package natsserver

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// DefaultMaxPayload is what the broker of a deployment takes too: a webhook body
// of 1 MiB and its headers, with room to spare.
const DefaultMaxPayload = 2 << 20

// Options say which server to run. The zero value is a server on a free port
// with a store directory of its own, which Stop removes.
type Options struct {
	// StoreDir keeps the streams across runs. One server at a time: a second one
	// is refused. Empty: a fresh folder under os.TempDir().
	StoreDir string
	// Port for clients on 127.0.0.1; 0 takes a free one.
	Port int
	// Monitor opens the HTTP monitoring endpoints on a free port.
	Monitor bool
	// ConfigFile is a nats-server configuration, by path. What is said here wins
	// over the file, as a flag of nats-server does: it always listens on
	// 127.0.0.1, at Port, with StoreDir.
	ConfigFile string
	// Config is the same as text, for configurations that are embedded. Not both.
	Config string
	// Variables define the $NAMES that Config reads, without touching the
	// environment of this process. Values become quoted strings.
	Variables map[string]string
	// SyncAlways makes each append reach the disk before it is acknowledged.
	// False leaves what the file says, or the server's default of 2 minutes.
	SyncAlways bool
	// MaxPayload in bytes; 0 leaves what the file says, or DefaultMaxPayload.
	MaxPayload int32
	// Logger receives warnings and errors as such and everything else at debug
	// level. Nil: silence.
	Logger *slog.Logger
	// Adjust has the last word on the server's own options, for what is not named
	// here (routes of a cluster, a TLS config). May be nil.
	Adjust func(*server.Options)
}

func (o Options) serverOptions(storeDir string) (*server.Options, error) {
	opts, err := o.parseConfig()
	if err != nil {
		return nil, err
	}
	opts.Host = "127.0.0.1"
	opts.Port = orFree(o.Port)
	opts.HTTPHost = "127.0.0.1"
	if o.Monitor || opts.HTTPPort != 0 {
		opts.HTTPPort = server.RANDOM_PORT
	}
	opts.JetStream = true
	opts.StoreDir = storeDir
	if o.SyncAlways {
		opts.SyncAlways = true
	}
	if o.MaxPayload != 0 {
		opts.MaxPayload = o.MaxPayload
	} else if opts.MaxPayload == 0 {
		opts.MaxPayload = DefaultMaxPayload
	}
	// Signals belong to the program that embeds the server.
	opts.NoSigs = true
	if o.Adjust != nil {
		o.Adjust(opts)
	}
	return opts, nil
}

func (o Options) parseConfig() (*server.Options, error) {
	opts := &server.Options{}
	var err error
	switch {
	case o.ConfigFile != "" && o.Config != "":
		return nil, errors.New("nats server: both a config file and a config text")
	case o.ConfigFile != "":
		if _, err = os.Stat(o.ConfigFile); err == nil {
			err = opts.ProcessConfigFile(o.ConfigFile)
		}
	case o.Config != "":
		err = opts.ProcessConfigString(o.variables() + o.Config)
	}
	if err != nil && !onlyWarnings(err) {
		return nil, fmt.Errorf("read nats server config: %w", err)
	}
	return opts, nil
}

// variables renders the definitions that go before the text: a name defined in
// the file is found before one of the environment.
func (o Options) variables() string {
	var b strings.Builder
	for name, value := range o.Variables {
		fmt.Fprintf(&b, "%s: %q\n", name, value)
	}
	return b.String()
}

// onlyWarnings tells a config that is merely warned about from a wrong one.
func onlyWarnings(err error) bool {
	var all interface{ Errors() []error }
	return errors.As(err, &all) && len(all.Errors()) == 0
}

func orFree(port int) int {
	if port == 0 {
		return server.RANDOM_PORT
	}
	return port
}
